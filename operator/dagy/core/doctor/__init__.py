"""`dagy doctor`: what facts about an installation mean. Pure; dagy.adapters.doctor gathers the facts."""
