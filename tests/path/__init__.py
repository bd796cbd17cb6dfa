"""The path of the product without a browser, and what goes wrong on the way."""
