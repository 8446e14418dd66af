"""A one-file Streamlit app as most public ones are: the Keras model is loaded in the script, and a heat map is drawn.

``streamlit run bench/alternatives/keras_app.py``; ``KERAS_MODEL`` names the model.
"""

import os

import keras
import numpy as np
import streamlit as st
import tensorflow as tf
from PIL import Image


@st.cache_resource
def load_model():
    return keras.models.load_model(os.environ["KERAS_MODEL"])


def grad_cam(model, image, column):
    spatial = [layer for layer in model.layers if len(layer.output.shape) == 4][-1]
    both = keras.Model(model.inputs, [spatial.output, model.output])
    with tf.GradientTape() as tape:
        maps, predictions = both(image)
        score = predictions[:, column]
    weights = tf.reduce_mean(tape.gradient(score, maps), axis=(1, 2))
    heat = tf.nn.relu(tf.reduce_sum(maps[0] * weights[0], axis=-1)).numpy()
    return heat / (heat.max() + 1e-9)


st.title("Skin lesion classifier")
model = load_model()
file = st.file_uploader("Drop photos here", type=["jpg", "jpeg", "png"], accept_multiple_files=True)
for picture in file or ():
    pixels = Image.open(picture).convert("RGB")
    size = model.input_shape[1]
    image = np.asarray(pixels.resize((size, size)), np.float32)[None]
    probabilities = model.predict(image)[0]
    best = int(probabilities.argmax())
    st.metric("Risk", f"{probabilities[best]:.2f}")
    st.bar_chart(probabilities)
    heat = Image.fromarray(np.uint8(255 * grad_cam(model, image, best))).resize(pixels.size)
    st.image(Image.blend(pixels, heat.convert("RGB"), 0.4))
