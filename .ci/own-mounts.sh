# A script sources this before it mounts anything, and then runs in a mount namespace of its own.
# Only the script and its children see its mounts, so nothing stays mounted. It needs root.
if [[ -z ${OWN_MOUNTS:-} ]]; then
  OWN_MOUNTS=1 exec unshare --mount "$0" "$@"
fi
unset OWN_MOUNTS
