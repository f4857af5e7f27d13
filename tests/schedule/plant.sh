#!/bin/sh
# Plants one bug at a time in a copy of wpool.h and looks which scenario finds it, with which seed.
#
#   sh tests/schedule/plant.sh [NAME...]     those bugs only; from the top of the repository
#
# First the scenario is tried that is known to find it, then all of them. Not found, or not to be
# planted because the header reads differently now: exit status 1. PLANT_MS: a scenario's time (3000),
# the known one's is five times that;
# PLANT_HEADER: another header (wpool.h); PLANT_JOBS: how many bugs are tried at a time (2).

# As many of this script, each with a part of the bugs, and their counts added up.
jobs=${PLANT_JOBS:-2}
if [ -z "$PLANT_PART" ]; then
    for part in $(seq "$jobs"); do
        PLANT_PART=$part sh "$0" "$@" &
    done | {
        passed=0 failed=0 ended=0
        while read -r line; do
            case $line in
            [0-9]*" passed, "*)
                # shellcheck disable=SC2086 # to be split
                set -- $line
                passed=$((passed + $1)) failed=$((failed + $3)) ended=$((ended + 1))
                ;;
            *) echo "$line" ;;
            esac
        done
        failed=$((failed + jobs - ended))
        echo "$passed passed, $failed failed"
        [ "$failed" -eq 0 ]
    }
    exit
fi

CC=${CC:-cc}
PLANT_MS=${PLANT_MS:-3000}
folder=$(mktemp -d) || exit 2
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
wanted=" $* "
programs="submit result life fork cancel scale group pace pair"
number=0 found=0 missed=0
cp "${PLANT_HEADER:-wpool.h}" "$folder/original" || exit 2

now() { date +%s.%N; }

# build PROGRAM: the scenarios against the copy; not optimised, as to compile is most of the work
build() {
    [ -x "$folder/$1" ] ||
        "$CC" -std=c11 -O0 -w -I. -Itests/support -DSCHEDULER_HEADER="\"$folder/wpool.h\"" \
            -o "$folder/$1" "tests/schedule/$1_schedule.c" -pthread 2>"$folder/errors"
}

# try PROGRAM SCENARIO TIMES: prints scenario, seed and what was said
try() {
    build "$1" || return
    SCHEDULE_MS=$((PLANT_MS * $3)) "$folder/$1" "$2" 2>&1 |
        sed -n 's/^FAIL \([a-z_]*\): seed \([0-9]*\): \(.*\); replay.*/\1 \2 \3/p
                s/^\([a-z_]*\): seed \([0-9]*\): crashed.*/\1 \2 crashed/p' | head -n 1
}

# plant NAME FUNCTION NTH OLD NEW PROGRAM SCENARIO [SEED]: in FUNCTION the NTH line that has OLD gets
# NEW in its place; SEED: where the scenario begins (1), for a bug that one schedule in 100,000 shows
plant() {
    name=$1
    number=$((number + 1))
    [ $((number % jobs + 1)) -eq "$PLANT_PART" ] || return 0
    case $wanted in
    *" $name "* | "  ") ;;
    *) return ;;
    esac
    for program in $programs; do rm -f "$folder/$program"; done
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
    what=$(WPOOL_TEST_SEED=${8:-1} try "$6" "$7" 5)
    for program in $programs; do
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
        what=$(try "$1" "$scenario" 1)
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
plant no_wake_after_submit ${W}_announce 1 'wpool__idle_wake(&pool->idle);' ';' \
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
    'wpool__store_release(&forks->bottom' submit meet_in_a_batch 1040000
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
plant sleepers_bit_lost wpool__job_set_running 1 'WPOOL__JOB_SLEPT_ON | ' '' \
    result wait_outside
plant lock_in_silence wpool__lock_release 1 '== 2' '== 3' result take_two_readers
plant start_in_silence ${W}_let_go_on 1 'wpool__worker_announce(pool);' '' life pause_and_submit
plant pause_looked_for_once ${W}_next 2 'control = wpool__worker_control(worker->pool);' '' \
    life pause_holds_what_comes_after_it
plant stop_leaves_a_gap wpool__pool_stop 1 'wpool__queue_length(&pool->queue) != 0' \
    '0' life stop_against_everything
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
    fork fork_and_compute_later 20031100
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
plant ring_not_there wpool__pool_reconfigure 1 '!wpool__queue_grow(&pool->queue, places)' '0' \
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
plant told_lost_when_admitted wpool__job_admit 1 'WPOOL__JOB_TOLD | ' '' \
    group cancel_the_blocked
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
plant timer_in_silence wpool__keeper_unlock 1 'if (is_news) wpool__event_notify_all' \
    'if (0) wpool__event_notify_all' group deadline_against_finish
plant doomed_in_between ${W}_cancel 1 '(is_hot || !is_running)' '!is_running' group deadline_of_the_queued
plant taken_by_who_has_it wpool__pool_is_taken 1 'if (!wpool__pool_is_unbuffered(ticket->pool))' 'if (0)' \
    scale unbuffered_and_back

# what waits for its time, for others, or in a lane
plant told_and_still_held wpool__pace_step 1 '(wpool__load_relaxed(&job->state) & WPOOL__JOB_TOLD) != 0' \
    'false' pace cancel_behind_another
plant stopped_and_still_held wpool__pace_step 1 \
    '(wpool__load_relaxed(&pool->control) & WPOOL__STOPPED) != 0' 'false' pace cancel_behind_another
plant ready_in_silence wpool__keeper_unlock 1 'if (is_ready) wpool__worker_announce(pool);' '' \
    pace cancel_the_held
plant ready_unseen ${W}_sees_queued 1 'wpool__orders_has_ready(&pool->orders)' 'false' \
    pace cancel_the_held
plant ready_not_roused wpool__pace_release 1 'wpool__rouse_all(pool);' '' pace wait_for_the_held
plant step_not_roused wpool__pace_step 1 'wpool__rouse_all(pool);' '' pace wait_for_the_held
plant slept_on_the_ready wpool__job_sleep 1 '&& (slept_on & 0xFF) == state' '' pace wait_for_the_held
plant cancelled_in_between ${W}_cancel 1 '(is_hot || !is_running)' 'is_hot' pace cancel_the_ready
plant told_and_put_back wpool__job_hold 1 \
    'if (is_running && old & (WPOOL__JOB_TOLD | WPOOL__JOB_LAST)) return false;' '' \
    pace retry_against_the_end
plant stopped_and_put_back wpool__pace_return 1 \
    '(wpool__load_relaxed(&pool->control) & WPOOL__STOPPED) != 0' 'false' pace retry_against_the_end
plant closed_and_put_back wpool__pace_return 1 'wpool__gate_is_closed(&pool->watch.direct)' 'false' \
    pace period_against_the_end
plant put_back_and_finished wpool__watch_unfinished 1 \
    'finished -= wpool__load_acquire(&account->endings[WPOOL__RETURNED]);' '' \
    pace retry_against_the_end
plant periods_go_on wpool__pool_close 1 'if (was_open) wpool__pool_end_periods(pool);' '' \
    pace period_of_ages
plant depended_on_too_late ${W}_end 1 \
    'if (wpool__job_publish(&pool->lot, job, state | (was_removed ? WPOOL__JOB_COUNTED : 0)))' \
    'uint32_t word = wpool__load_relaxed(&job->state);
    wpool__job_publish(&pool->lot, job, state | (was_removed ? WPOOL__JOB_COUNTED : 0));
    if (word & WPOOL__JOB_DEPENDED)' pace after_their_end
plant after_a_failure wpool__after_resolve 1 'after->is_barred = true' '(void)after' \
    pace after_their_end
plant after_forgets wpool__job_set_running 1 ' | WPOOL__JOB_DEPENDED' '' pace after_their_end
plant takes_gives_up_early wpool__pool_take_inside 1 \
    'if (is_last && wpool__pool_take_sees_work(pool)) continue;' '' pace take_the_held
plant lane_stands_still wpool__lane_ended 1 'wpool__lane_go_on(lane);' '' pace lane_in_turn
plant lane_left_too_early ${W}_end 1 \
    'if (has_run) wpool__account_end(&pool->lot, account, state);' \
    'wpool_lane *early = wpool__lane_end(job);
    if (early) wpool__lane_ended(pool, early);
    job->lane_part = WPOOL__LANE_NOT;
    if (has_run) wpool__account_end(&pool->lot, account, state);' pace lane_in_turn
plant rate_of_old_for_ages wpool__bucket_take_within 1 'when < most ? when : most' \
    when pace rate_is_lifted 30500
plant lane_is_too_wide wpool__lane_enter 1 'if (!lane->first && wpool__lane_allows(lane))' \
    'if (wpool__lane_allows(lane))' pace lane_in_turn
plant lane_left_in_silence wpool__lane_leave 1 \
    'if (job->lane->max_waiting) job->pool->keeper.has_room = true;' '' pace lane_has_room
plant lane_turn_in_silence wpool__lane_give_turn 1 \
    'if (lane->max_waiting) job->pool->keeper.has_room = true;' '' pace lane_has_room_in_time
plant lane_not_left wpool__pool_withdraw 1 'wpool__worker_settle_pace(job->pool, job);' '' \
    pace lane_has_room
plant closed_lane_asleep wpool__pool_let_submitters_look 1 \
    'wpool__event_notify_all(&pool->lot, &pool->keeper.lane_room);' '' pace lane_has_room_in_time
plant timer_outlives_the_job ${W}_settle_pace 1 \
    'wpool__keeper_put(pool, &job->timer, WPOOL__NEVER);' '' pace watched_to_its_end
plant asleep_behind_itself wpool__pool_sleep_or_help 1 '!wpool__pool_is_behind_caller(job) &&' '' \
    pace wait_for_itself
plant group_behind_itself wpool__group_sleep 1 '!view->is_own &&' '' pace wait_for_itself
plant held_has_a_place ${W}_count_unrun 1 'wpool__watch_pass(&pool->watch);' ';' \
    pace held_have_no_place
plant begun_had_a_place wpool__frame_run 1 'wpool__watch_pass(&pool->watch);' ';' \
    pace held_have_no_place
plant throttled_for_ever ${W}_allow_again 1 'wpool__worker_let_go_on(pool, WPOOL__THROTTLED);' '' \
    pace rate_in_step
plant rate_not_charged ${W}_next 1 'has_rate && !wpool__worker_is_allowed(worker)' 'false' \
    pace rate_in_step

# another order
plant cards_without_count wpool__stack_pop 1 \
    'if (wpool__cas_acq_rel(&stack->top, &top, ((top >> 32) + 1) << 32 | below)) return true;' \
    'uint64_t now = wpool__load_acquire(&stack->top);
        if ((uint32_t)now == (uint32_t)top &&
            wpool__cas_acq_rel(&stack->top, &now, ((now >> 32) + 1) << 32 | below))
            return true;
        top = now;' pace order_of_few_cards
plant pile_unseen wpool__orders_length 1 '!wpool__stack_is_empty(&orders->pile)' '0' \
    pace order_is_kept
plant ranks_unseen wpool__orders_length 1 'length += wpool__queue_length(&orders->ranks[i]);' ';' \
    pace order_is_kept
plant order_without_places wpool__pool_until 1 'return until > direct ? until - direct : 0;' \
    'return until;' pace order_is_changed

# the scaler
plant rest_before_publishing wpool__scaler_rest 1 'wpool__store_seq_cst(&pool->scaler.poke, word);' \
    'bool is_enough = word != WPOOL__POKE_NEVER && wpool__scaler_has_enough(pool, word);
    wpool__store_seq_cst(&pool->scaler.poke, word);
    return is_enough;' pace grow_by_load
plant poke_not_renewed wpool__scaler_wants 1 'is_enough ? WPOOL__POKE_NEVER : next' \
    'WPOOL__POKE_NEVER' pace grow_by_load
plant ready_not_noticed wpool__keeper_unlock 1 \
    'keeper->is_ready && wpool__scaler_wants(pool, true)' 'false' pace grow_by_load
plant left_meanwhile_is_load wpool__scaler_look_queue 1 \
    'waiting = waiting > gone ? waiting - gone : 0;' ';' pace grow_for_nothing
plant timer_overwritten wpool__scaler_look_at 1 'if (!timer->link || when < timer->when)' '' \
    pace grow_by_load
plant paused_and_spinning wpool__scaler_turn 1 'decision.poke_at = UINT64_MAX;' ';' \
    pace grow_when_started
plant resumed_and_asleep wpool__pool_resume 1 'wpool__scaler_wake(pool);' ';' \
    pace grow_when_started
plant blocked_in_silence ${W}_block 1 'wpool__scaler_wake(pool);' ';' pace grow_for_the_blocked
plant blocked_against_old_idle wpool__scaler_has_enough 1 'return waiting > idle;' \
    'return waiting > 1;' pace grow_for_the_blocked
plant busy_and_idle ${W}_step 1 'wpool__store_relaxed(&worker->idle_since, 0);' ';' \
    pace grow_for_the_blocked
plant lent_for_ever wpool__crew_dismiss 1 'wpool__add_relaxed(lent, UINT32_MAX);' ';' \
    pace grow_for_the_blocked
plant more_for_a_moment wpool__scaler_decide 1 'view->workers + view->leaving' 'view->workers' \
    pace grow_again
plant one_too_few wpool__scaler_decide_shrink 1 'view->workers - rules->min' \
    'view->workers - rules->min + 1' pace grow_again

echo "$found passed, $missed failed"
[ "$missed" -eq 0 ]
