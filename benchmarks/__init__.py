"""asv suites. They hold no logic: what they track is computed by `resnoise` itself."""
