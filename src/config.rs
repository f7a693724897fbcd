//! The configuration file, the environment and the command line, parsed once into typed options.
