"""Why requirements can't be had, in sentences that tell what to do."""
