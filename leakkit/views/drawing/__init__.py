"""The drawing library: pictures of what was measured, apart from the questions they answer."""
