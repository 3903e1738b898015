import * as tf from "npm:@tensorflow/tfjs@4.22.0";
if (tf.version["tfjs-core"] === undefined) throw new Error("TensorFlow.js was not loaded");
