"""Program that runs in a pod before its own containers: fetches and extracts the packages attached at admission.

Standard library and libdeflate only, because every pod waits for its imports. It knows nothing of the control plane.
"""
