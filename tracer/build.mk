# SPDX-License-Identifier: Apache-2.0
# The tracer: preload is what lives in the job, symbols what explains it outside, sched what cores ran,
# script what follows shells and interpreters.
include tracer/symbols/build.mk
include tracer/preload/build.mk
include tracer/sched/build.mk
include tracer/script/bash/build.mk
include tracer/script/python/build.mk
