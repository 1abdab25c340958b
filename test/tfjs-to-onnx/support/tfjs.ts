// tfjs with its gradients, which tfjs-layers registers, and the backend that is the reference here.
import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-layers';
import * as tf from '@tensorflow/tfjs-core';

tf.enableProdMode();
await tf.setBackend('cpu');
