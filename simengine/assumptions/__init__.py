"""What nobody knows yet, as numbers: distributions, how they hang together, and named draws of them."""
