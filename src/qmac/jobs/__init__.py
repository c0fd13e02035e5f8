"""From a request to results: jobs, their runner, memory, estimates, listing."""
