"""Converts a model of keras.applications with tf2onnx, to compare with: python keras_peer.py MobileNetV2 out.onnx"""

import sys
import time

import numpy as np
import tensorflow as tf
import tf2onnx

name, out = sys.argv[1:]
tf.keras.utils.set_random_seed(1)
model = getattr(tf.keras.applications, name)(weights=None)
random = np.random.default_rng(1)
# Statistics of 0 and 1 would let it drop what a trained model needs.
model.set_weights(
    [
        random.uniform(0.8, 1.2, w.shape) if w.ndim == 1 else w
        for w in model.get_weights()
    ]
)
size = model.input_shape[1:]
start = time.time()
signature = [tf.TensorSpec((None, *size), tf.float32, name="image")]
tf2onnx.convert.from_keras(model, signature, opset=18, output_path=out)
print(time.time() - start)
