"""One price series, prepared for the kernels."""
