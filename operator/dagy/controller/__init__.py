"""The operator: reads the cluster, lets dagy.core decide, acts."""
