"""From images on disk to a validated manifest, an honest split and batches of pixels."""
