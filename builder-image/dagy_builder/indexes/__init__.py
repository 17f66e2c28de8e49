"""Package indexes: their pages, their credentials, and the gateway that builds see them through."""
