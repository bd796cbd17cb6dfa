"""One module per outside system; `portal.sandbox.app` finds the right one by the Host header."""
