"""Renderers: a derivation as text of one kind or another. They compute nothing."""
