"""One picture's prediction and heat map with Keras and tf-keras-vis, as its documentation shows it.

``python bench/alternatives/keras_vis_script.py MODEL PICTURE HEATMAP``
"""

import sys

import keras
import numpy as np
from PIL import Image
from tf_keras_vis.gradcam import Gradcam
from tf_keras_vis.utils.model_modifiers import ReplaceToLinear
from tf_keras_vis.utils.scores import CategoricalScore

model_path, picture_path, heatmap_path = sys.argv[1:]
model = keras.models.load_model(model_path)
picture = Image.open(picture_path).convert("RGB")
size = model.input_shape[1]
image = np.asarray(picture.resize((size, size)), np.float32)
probabilities = model.predict(image[None])[0]
best = int(probabilities.argmax())
gradcam = Gradcam(model, model_modifier=ReplaceToLinear(), clone=True)
heat = gradcam(CategoricalScore([best]), image, penultimate_layer=-1)[0]
overlay = Image.blend(picture, Image.fromarray(np.uint8(255 * heat)).resize(picture.size).convert("RGB"), 0.4)
overlay.save(heatmap_path)
print(best, probabilities.round(3).tolist())
