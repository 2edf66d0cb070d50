//! Nothing: the tests are the package's two test targets.
