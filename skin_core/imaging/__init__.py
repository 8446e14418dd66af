"""From bytes to pixels, from pixels to a model's square input and back, and what tells one picture from another."""
