"""What all tests share stands in modules: pytest imports a conftest more than once."""

pytest_plugins = ["tests.slow", "tests.quick"]
