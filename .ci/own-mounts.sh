# For a script to source before it mounts anything: runs it in a mount namespace of its own. What it
# mounts then is mounted for it and its children only, so nothing stays mounted. It takes root.
if [[ -z ${OWN_MOUNTS:-} ]]; then
  OWN_MOUNTS=1 exec unshare --mount "$0" "$@"
fi
unset OWN_MOUNTS
