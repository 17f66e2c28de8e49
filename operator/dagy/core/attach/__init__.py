"""Which packages a pod gets, and what is done to it. Pure."""
