"""FirstBell: will each school be ready for its first bell, what stands in the way, what next?"""

__version__ = "0.1.0"
