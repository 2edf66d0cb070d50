//! Names what `build` builds, so that the lock file pins it.
