// tfjs with the backend that is the truth here, and (tfjs-layers brings them) its gradients.
import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-layers';
import * as tf from '@tensorflow/tfjs-core';

tf.enableProdMode();
await tf.setBackend('cpu');
