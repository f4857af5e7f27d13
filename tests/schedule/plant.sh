#!/bin/sh
# Plants one bug at a time in a copy of wpool.h and looks which scenario finds it, with which seed.
#
#   sh tests/schedule/plant.sh [NAME...]     those bugs only; from the top of the repository
#
# First the scenario is tried that is known to find it, then all of them. Not found, or not to be
# planted because the header reads differently now: exit status 1. PLANT_MS: a scenario's time (3000);
# PLANT_HEADER: another header (wpool.h).

CC=${CC:-cc}
PLANT_MS=${PLANT_MS:-3000}
folder=$(mktemp -d) || exit 2
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
wanted=" $* "
found=0 missed=0
cp "${PLANT_HEADER:-wpool.h}" "$folder/original" || exit 2

now() { date +%s.%N; }

# build PROGRAM: the scenarios against the copy
build() {
    [ -x "$folder/$1" ] ||
        "$CC" -std=c11 -O1 -w -I. -Itests/support -DSCHEDULER_HEADER="\"$folder/wpool.h\"" \
            -o "$folder/$1" "tests/schedule/$1_schedule.c" -pthread 2>"$folder/errors"
}

# try PROGRAM SCENARIO: prints scenario, seed and what was said
try() {
    build "$1" || return
    SCHEDULE_MS=$PLANT_MS "$folder/$1" "$2" 2>&1 |
        sed -n 's/^FAIL \([a-z_]*\): seed \([0-9]*\): \(.*\); replay.*/\1 \2 \3/p
                s/^\([a-z_]*\): seed \([0-9]*\): crashed.*/\1 \2 crashed/p' | head -n 1
}

# plant NAME FUNCTION NTH OLD NEW PROGRAM SCENARIO: in FUNCTION the NTH line that has OLD gets NEW
# in its place
plant() {
    name=$1
    case $wanted in
    *" $name "* | "  ") ;;
    *) return ;;
    esac
    rm -f "$folder/cancel" "$folder/submit" "$folder/result" "$folder/life" "$folder/fork" \
        "$folder/scale" "$folder/group" "$folder/pair"
    if ! FUNCTION=$2 NTH=$3 OLD=$4 NEW=$5 awk '
        BEGIN { function_name = ENVIRON["FUNCTION"] "("; old = ENVIRON["OLD"] }
        /^[a-zA-Z]/ { inside = index($0, " " function_name) || index($0, "*" function_name) }
        inside && (at = index($0, old)) && ++seen == ENVIRON["NTH"] {
            $0 = substr($0, 1, at - 1) ENVIRON["NEW"] substr($0, at + length(old))
            planted = 1
        }
        { print }
        END { exit !planted }' "$folder/original" >"$folder/wpool.h"; then
        echo "MISS $name: there is no '$4' in $2"
        missed=$((missed + 1))
        return
    fi
    begin=$(now)
    if ! build "$6"; then
        echo "MISS $name: does not compile"
        head -n 5 "$folder/errors"
        missed=$((missed + 1))
        return
    fi
    what=$(try "$6" "$7")
    for program in submit result life fork cancel scale group pair; do
        [ -n "$what" ] || what=$(try_all "$program")
    done
    seconds=$(echo "$begin $(now)" | awk '{ printf "%.1f", $2 - $1 }')
    if [ -n "$what" ]; then
        echo "FOUND $name: $what ($seconds s)"
        found=$((found + 1))
    else
        echo "MISS $name: nobody noticed ($seconds s)"
        missed=$((missed + 1))
    fi
}

# every scenario of a program, until one finds it
try_all() {
    build "$1" || return 0
    for scenario in $("$folder/$1" --list); do
        what=$(try "$1" "$scenario")
        [ -z "$what" ] || { echo "$what"; return; }
    done
}

W=wpool__worker
plant exit_not_seen_in_rest ${W}_rest 1 'wpool__idle_wake_all(&pool->idle);' ';' submit submit_destroy
plant no_second_look ${W}_rest 1 'else if (wpool__worker_sees_work(pool))' 'else if (0)' \
    submit submit_destroy
plant no_wake_after_overflow wpool__pool_overflow 1 'wpool__idle_wake(&pool->idle);' '' \
    submit meet_own_children
plant no_wake_after_a_batch ${W}_fetch 1 'wpool__idle_wake(&pool->idle);' ';' submit meet_in_a_batch
plant no_wake_after_submit wpool__pool_announce 1 'wpool__idle_wake(&pool->idle);' ';' \
    submit submit_destroy
plant searcher_wakes_nobody ${W}_end_search 1 'wpool__idle_wake(idle);' ';' submit meet_two_submitters
plant searcher_for_ever ${W}_end_search 1 'wpool__idle_stop_search(idle);' ';' \
    submit meet_two_submitters
plant searcher_asleep wpool__idle_enter 1 'if (is_searching)' 'if (0)' submit submit_destroy
plant finished_twice wpool__frame_run 3 'frame->call.fn = NULL;' '' submit run_in_the_caller
plant discarded_twice wpool__frame_run 1 'frame->call.fn = NULL;' '' life inline_threads
plant left_and_not_ended wpool__frame_abandon 1 \
    'wpool__account_end(&pool->lot, frame->account, WPOOL_STATE_FAILED);' ';' life jobs_leave
plant generation_stays wpool__table_drop 1 '(uint64_t)generation << 32' \
    '(uint64_t)(generation - 1) << 32' result ids_used_again
plant generation_ignored wpool__table_pin 1 '(hold ^ id) >> 32 ||' '' result ids_used_again
plant delivered_twice wpool__results_take 1 'if (wpool__record_claim(record)) break;' \
    'wpool__record_claim(record); break;' result one_id_many_askers
plant batch_taken_twice wpool__queue_take 1 'wpool__cas_acq_rel(&queue->head, &head,' \
    '(wpool__store_seq_cst(&queue->head, head + n), true) || (head,' submit submit_destroy
plant closed_bit_ignored wpool__gate_claim 1 '(now & WPOOL__GATE_CLOSED) != 0' 'false' \
    submit submit_close
plant ticket_relaxed wpool__queue_put 1 'wpool__store_release' 'wpool__store_relaxed' \
    submit submit_destroy
plant pop_releases wpool__deque_pop_open 1 'wpool__store_seq_cst(&deque->forks.bottom' \
    'wpool__store_release(&deque->forks.bottom' fork fork_tree
plant push_releases wpool__deque_push 1 'wpool__store_seq_cst(&forks->bottom' \
    'wpool__store_release(&forks->bottom' submit meet_in_a_batch
plant begin_releases wpool__account_begin 1 'wpool__store_seq_cst' 'wpool__store_release' \
    submit blocked_one_place
plant room_in_silence ${W}_free_room 1 'if (wpool__event_has_waiters(&pool->watch.room))' 'if (0)' \
    submit submit_destroy
plant not_settled ${W}_rest 2 'wpool__worker_settle(pool);' '' submit submit_destroy
plant no_look_after_announce wpool__pool_await 2 'if (holds(ctx)) return true;' '' \
    submit submit_destroy
plant done_read_late wpool__pool_take_look 1 'if (!record && !is_done)' \
    'is_done = wpool__gate_is_closed(&pool->queue.tail) && wpool__worker_unfinished(pool) == 0;
    if (!record && !is_done)' result take_two_readers
plant bell_not_rung ${W}_hand_over 1 'wpool__bell_ring(&pool->bell);' '' result take_by_descriptor
plant bell_not_rung_at_the_end ${W}_settle 1 'wpool__bell_ring(&pool->bell);' '' \
    result take_by_descriptor
plant bell_not_rung_again wpool__pool_take_now 1 'wpool__bell_ring(bell);' '' \
    result take_by_descriptor
plant bell_lowered_unseen wpool__pool_take_now 1 '|| !wpool__pool_take_look(taking)' '|| true' \
    result take_by_descriptor
plant bell_lowered_without_token wpool__bell_lower 1 'if (!WPOOL_TOKEN_GET(bell->ends)) return false;' \
    'WPOOL_TOKEN_GET(bell->ends);' result take_by_descriptor
plant delivering_not_counted wpool__account_deliver 1 'begins ? 1 : UINT32_MAX' '0' \
    result take_two_readers
plant result_in_silence wpool__results_push 1 'wpool__event_notify(' '(void)(' \
    submit submit_many
plant sleepers_bit_lost wpool__job_set_running 1 '(old & WPOOL__JOB_SLEPT_ON) |' '' \
    result wait_outside
plant lock_in_silence wpool__lock_release 1 '== 2' '== 3' result take_two_readers
plant start_in_silence wpool__pool_resume 1 'wpool__pool_announce(pool);' '' life pause_and_submit
plant pause_looked_for_once ${W}_next 2 'control = wpool__worker_control(worker->pool);' '' \
    life pause_holds_what_comes_after_it
plant stop_leaves_a_gap wpool__pool_stop 1 'else if (wpool__queue_length(&pool->queue) != 0)' \
    'else if (0)' life stop_against_everything
plant removed_counts_as_left ${W}_remove 1 '&pool->watch.removed' \
    'wpool__watch_account(&pool->watch, 0)' cancel cancel_against_workers
plant buried_without_a_trace ${W}_note_removed 1 'wpool__add_seq_cst(&pool->watch.buried, 1);' '' \
    cancel cancel_makes_room
plant cancelled_and_run wpool__job_set_running 1 'if ((old & 0xFF) != WPOOL_STATE_WAITING)' 'if (0)' \
    cancel cancel_against_workers
plant hot_seen_by_none ${W}_run_record 1 'wpool__job_tell(job, WPOOL__JOB_TOLD);' ';' cancel cancel_calls
plant hot_tells_nobody wpool__crew_tell_all 1 'wpool__table_tell(&pool->table, NULL);' '' cancel cancel_calls
plant told_and_not_called wpool__listeners_enter 1 'wpool__job_is_told(job);' 'false;' \
    cancel cancel_calls
plant called_after_the_end ${W}_call 1 'wpool__worker_unlisten(job);' '' cancel cancel_calls
plant takers_forgotten ${W}_only_takers_left 1 \
    'wpool__store_seq_cst(&pool->watch.is_takers_only, 1);' ';' result take_inside_stays_done

plant sleepers_do_not_ask ${W}_ask_forks 1 'wpool__store_seq_cst(limit, 0);' ';' fork fork_and_compute_later
plant asked_without_a_fence ${W}_ask_forks 1 'if (is_any) WPOOL_HEAVY_FENCE();' '' \
    fork fork_and_compute_later
plant taken_without_a_fence wpool__deque_force 1 'WPOOL_HEAVY_FENCE();' '' fork fork_tree
plant guard_not_raised wpool__deque_force 1 'wpool__deque_raise_guard(deque, top + 1);' '' \
    fork fork_tree
plant guard_stored wpool__deque_raise_guard 1 \
    'while (seen < guard && !wpool__cas_relaxed(&deque->forks.guard, &seen, guard)) {' \
    'if (seen < guard) { wpool__store_relaxed(&deque->forks.guard, guard);' fork fork_tree
plant open_without_guard wpool__deque_open 1 'wpool__deque_raise_guard(deque, open);' '' \
    fork fork_tree
plant fork_wakes_nobody wpool__fork_look 1 'wpool__idle_wake(idle);' '' \
    fork fork_and_compute
plant joiner_sleeps_on wpool__parallel_stir 1 'wpool__job_stir(' '(void)(' fork fork_leapfrog
plant joiner_does_not_ask wpool__parallel_help 1 \
    'wpool__store_seq_cst(&deque->forks.limit, 0);' '' fork fork_leapfrog
plant kept_child_forgotten wpool__fork_look 1 'wpool__parallel_keep(child);' '' \
    fork fork_in_the_caller
plant forks_discarded wpool__pool_take_out 1 'wpool__worker_is_queued' 'NULL' fork fork_and_stop

plant search_left_behind ${W}_retire 1 'if (wpool__worker_sees_work(pool)) wpool__idle_wake(&pool->idle);' \
    '' scale leave_when_woken
plant leaving_not_seen_in_rest ${W}_rest 1 '|| wpool__worker_is_leaving(worker)' '' scale leave_at_work
plant leaver_stays_the_searcher wpool__idle_leave 1 'is_searching ? ~WPOOL__IDLE_SEARCHING :' '' \
    scale leave_when_woken
plant leaver_settles_nothing ${W}_retire 1 'wpool__worker_settle(pool);' '' scale leave_last
plant leftovers_unsaid ${W}_retire 1 'wpool__or_seq_cst(&pool->control, WPOOL__LEFTOVERS);' ';' \
    scale leave_beside_work
plant leftovers_unsaid_before wpool__crew_dismiss 1 \
    'wpool__or_seq_cst(&worker->pool->control, WPOOL__LEFTOVERS);' ';' \
    scale leave_beside_work
plant departed_in_silence ${W}_depart 1 'wpool__event_notify_all(&pool->lot, &pool->results.event);' '' \
    scale leave_one_in_take
plant ring_begins_early wpool__queue_grow 1 'tail & WPOOL__GATE_COUNT' '0' scale configure_grows
plant ring_never_begins wpool__queue_grow 1 'wpool__store_release(&ring->begin,' '(void)(' \
    scale configure_grows
plant ring_not_there wpool__pool_reconfigure 1 'if (!wpool__queue_grow(&pool->queue, places))' 'if (0)' \
    scale configure_grows
plant ring_too_small wpool__crew_resize 1 'if (!wpool__queue_grow(&pool->queue, places))' 'if (0)' \
    scale unbuffered_one_more
plant old_bound_stays wpool__pool_adjust 1 '(seen & ~WPOOL__GATE_COUNT)' 'seen' \
    scale configure_takes_room
plant configured_in_silence wpool__pool_reconfigure 1 'wpool__worker_free_room(pool, UINT32_MAX);' '' \
    scale configure_makes_room
plant untold_with_the_worker wpool__crew_tell 1 'wpool__listeners_tell(' '(void)(' \
    group told_with_the_worker
plant untold_by_the_group wpool__group_tell 1 'wpool__worker_call_told(job->pool);' ';' group cancel_members
plant admitted_in_silence wpool__group_admit 1 'wpool__group_wake(group, !job->pool->is_inline);' '' \
    group wait_by_the_worker
plant told_lost_when_admitted wpool__job_admit 1 '(old & WPOOL__JOB_TOLD) | WPOOL_STATE_WAITING' \
    'WPOOL_STATE_WAITING' group cancel_the_blocked
plant told_when_admitted_ignored wpool__pool_put 1 'record = wpool__table_pin(' '(void)(' \
    group deadline_of_the_queued
plant untied_without_the_lock wpool__group_untie 1 \
    'if (jobs && group->unfinished == 0) wpool__group_wake(group, false);' \
    'if (jobs && group->unfinished == 0) wpool__group_unlock(lock), wpool__group_wake(group, false);' \
    group wait_and_reuse
plant no_look_at_the_group wpool__group_sleep 1 'wpool__group_view_now(view, false);' ';' \
    group wait_by_many
plant visitors_ignored wpool__upstream_leave 1 'while (wpool__load_acquire(&pool->visitors) != 0)' \
    'while (0)' group upstream_against_destroy
plant timer_in_silence wpool__keeper_set 1 'if (!is_news) return;' 'return;' group deadline_against_finish
plant doomed_in_between ${W}_cancel 1 'if (is_running && is_hot && wpool__worker_remove(pool, job))' \
    'if (0)' group deadline_of_the_queued
plant taken_by_who_has_it wpool__pool_is_taken 1 'if (!wpool__pool_is_unbuffered(ticket->pool))' 'if (0)' \
    scale unbuffered_and_back

echo "$found passed, $missed failed"
[ "$missed" -eq 0 ]
