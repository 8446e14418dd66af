"""Parts of the Evaluate page: what is judged on what, what stands against it, and what came out."""
