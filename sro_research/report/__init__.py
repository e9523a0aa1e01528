"""Safe cells to pages: figures, tables and sentences in every language, and the exporter that makes files of them."""
