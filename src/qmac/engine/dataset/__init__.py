"""One price series made ready for the kernels."""
