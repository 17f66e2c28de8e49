"""What a release is made of: `make dist`, and the Helm chart, which `make generate` writes from the kustomize base."""
