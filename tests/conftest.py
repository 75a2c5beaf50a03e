"""What holds for every test: hypothesis draws the same examples each time, and a busy machine fails nothing."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "same_everywhere", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("same_everywhere")
