// Nothing: the object whose precompiled header others use needs a source.
