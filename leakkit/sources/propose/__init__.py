"""What a configuration could say: the order of the stages, and files beside the deals."""
