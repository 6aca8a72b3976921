#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# run.sh: the job. Sets up the environment, makes and checks the input, runs the analysis.
# Settings: EVENTS (a file), FILES, SEED, ZMUMU (the program; built here where it is not given).
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

setup_environment() {
    export EVENTS=${EVENTS:-2200} FILES=${FILES:-4} SEED=${SEED:-1}
    export ANALYSIS_WORK=${ANALYSIS_WORK:-$PWD}
    export LC_ALL=C
    cd "$ANALYSIS_WORK"
}

log() {
    printf '%s INFO %s\n' "$(date '+%F %T')" "$*" >>analysis.log
}

find_program() {
    if [ -z "${ZMUMU:-}" ]; then
        ZMUMU=$ANALYSIS_WORK/zmumu
        log "building $ZMUMU"
        "${CXX:-c++}" -O2 -g -finstrument-functions -o "$ZMUMU" "$here"/src/*.cc
    fi
    [ -x "$ZMUMU" ] || { echo "run.sh: $ZMUMU is no program; set ZMUMU" >&2; exit 2; }
}

stage_input() {
    log "making $FILES files of $EVENTS events"
    python3 "$here/make_events.py" make --files "$FILES" --events "$EVENTS" --seed "$SEED" .
    python3 "$here/make_events.py" check .
}

setup_environment
log "analysis starts on $(hostname) in $ANALYSIS_WORK"
find_program
stage_input
log "analysing"
"$ZMUMU" events-*.dat
log "analysis ends: $(cat result.json)"
