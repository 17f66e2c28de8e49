"""Mutation testing by hand-picked mutants: each removes one guarantee from the product, and the tests have to notice."""
