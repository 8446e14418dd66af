"""Parts that the pages share. Streamlit lists only the files directly in ``pages/``, so this folder is no page."""
