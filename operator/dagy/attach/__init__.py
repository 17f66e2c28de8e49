"""What runs in a pod before its own containers: fetches the packages that were attached at admission, extracts them.

Standard library and libdeflate only, because every pod waits for its imports. It knows nothing of the control plane.
"""
