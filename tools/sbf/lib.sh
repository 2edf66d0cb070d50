# shellcheck shell=bash
# What the scripts of this folder share: where the toolchain lives and which compiler it is made for.
# Sourced, never run.

# A command that fails inside $(...) ends the script too.
shopt -s inherit_errexit

# The clone's root, physical: cargo resolves symbolic links too, and the remapped prefixes have to match what it passes.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
# shellcheck disable=SC2034  # Used by the scripts that source this file.
sbf_home=${COUNTERFOIL_SBF_HOME:-${XDG_CACHE_HOME:-$HOME/.cache}/counterfoil/sbf}
# shellcheck disable=SC2034
target_dir=${CARGO_TARGET_DIR:-$root/target}

# The programs by their crates' names, and where each lies.
# shellcheck disable=SC2034
declare -rA PROGRAM_FOLDERS=([counterfoil]=programs/counterfoil [gate]=examples/gate)

die() {
  printf '%s: %s\n' "tools/sbf/$(basename "$0")" "$*" >&2
  exit 1
}

# The one compiler whose bytes are committed: std is compiled from the sources of the release it became, and another
# compiler would neither accept the patches' context nor give the same program.
readonly RUSTC_COMMIT='e50aa6fba' RUSTC_NIGHTLY='nightly-2026-05-20'

# Prints the name of the installed rustup toolchain that is that compiler.
find_toolchain() {
  local name
  for name in ${COUNTERFOIL_SBF_TOOLCHAIN:-nightly "$RUSTC_NIGHTLY"}; do
    if [[ $(rustc "+$name" --version 2>/dev/null) == *"($RUSTC_COMMIT "* ]]; then
      printf '%s\n' "$name"
      return
    fi
  done
  die "no installed toolchain is rustc 1.97.0-nightly ($RUSTC_COMMIT);" \
    "run 'rustup toolchain install --profile minimal $RUSTC_NIGHTLY', or name one in COUNTERFOIL_SBF_TOOLCHAIN"
}
