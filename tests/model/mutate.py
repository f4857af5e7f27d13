#!/usr/bin/env python3
"""Weaken each memory order of wpool.h's lock-free rooms, one at a time; run the model's clients, then schedules.

A mutant is caught when a client fails under --rc11 or, if none does, under --imm; or else, where that can show it,
when a scenario of tests/schedule fails within SCHEDULE_MS. (The scheduler holds stores back, never loads, and a
read-modify-write only if it is relaxed.) From each order we go to the next weaker ones, and stop where all are
caught: what is weaker still would be, too. A survivor is a needlessly strong order, or lacks a client or a
scenario. Cheap clients only: SLOW names the others.

Arguments: rooms, else all. GENMC: the model checker; without it only schedules. HEADER: the folder of wpool.h.
SCHEDULE_MS=300: for each scenario; 0: no schedules. LIMIT=300: seconds for a client. CC=cc.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
HEADER = os.path.join(os.environ.get('HEADER', os.path.join(HERE, '..', '..')), 'wpool.h')
GENMC = os.environ.get('GENMC') or shutil.which('genmc')
SCHEDULE = os.environ.get('SCHEDULE', os.path.join(HERE, '..', 'schedule')) # the folder of the scenarios
SCHEDULE_MS = os.environ.get('SCHEDULE_MS', '300')
LIMIT = float(os.environ.get('LIMIT', '300'))
# clients by room, the likeliest to notice first
CLIENTS = {
    'parking': ['lock', 'event', 'bell', 'idle'],
    'queue': ['queue', 'limit', 'event_close', 'event_twice', 'idle'],
    'fork': ['fork'],
    'deque': ['fork_one', 'deque', 'fork', 'idle_push'],
    'idle': ['stack', 'idle'],
    'memory': ['idle_pile', 'idle_cards', 'table'],
    'order': ['idle_ready', 'idle_pile', 'idle_ranks'],
    'pace': ['bucket'],
    'job': ['wait', 'tell', 'depend', 'table', 'results'],
    'results': ['results', 'done'],
    'watch': ['count', 'done', 'quiet', 'limit'],
    'worker': ['pool'],
    'pool': ['pool'],
}
SLOW = {'lock_three', 'idle_makers', 'results_asleep', 'quiet_two', 'deque_two', 'deque_grow', 'fork_again',
        'queue_grow_more', 'bucket_burst'}
WEAKER = {  # order: the next weaker ones
    ('load', 'seq_cst'): ['acquire'], ('load', 'acquire'): ['relaxed'],
    ('store', 'seq_cst'): ['release'], ('store', 'release'): ['relaxed'],
    ('rmw', 'seq_cst'): ['acq_rel'], ('rmw', 'acq_rel'): ['acquire', 'release'],
    ('rmw', 'acquire'): ['relaxed'], ('rmw', 'release'): ['relaxed'],
}
FAILED = {'seq_cst': 'acquire', 'acq_rel': 'relaxed', 'acquire': 'relaxed'}
RMW = {'exchange': 'EXCHANGE', 'add': 'ADD', 'sub': 'SUB', 'or': 'OR', 'and': 'AND'}
USE = re.compile(r'\bwpool__(load|store|cas|exchange|add|sub|or|and)_(acquire|release|acq_rel|seq_cst)\(')


def wrappers():
    """Every operation with every order, under a name of its own."""
    lines = []
    for order in ('relaxed', 'acquire', 'release', 'acq_rel', 'seq_cst'):
        memory = 'memory_order_' + order
        lines.append(f'#define mutant__load_{order}(p) WPOOL_ATOMIC_LOAD(p, {memory})')
        lines.append(f'#define mutant__store_{order}(p, v) WPOOL_ATOMIC_STORE(p, v, {memory})')
        for name, operation in RMW.items():
            lines.append(f'#define mutant__{name}_{order}(p, v) WPOOL_ATOMIC_{operation}(p, v, {memory})')
        for failed in ('relaxed', 'acquire', 'seq_cst'):
            lines.append(f'#define mutant__cas_{order}_{failed}(p, e, v) '
                         f'WPOOL_ATOMIC_CAS(p, e, v, {memory}, memory_order_{failed})')
    return '\n'.join(lines) + '\n'


def cases():
    for line in open(os.path.join(HERE, 'cases')):
        if line.strip() and not line.startswith('#'):
            name, client, bounds, unroll = line.split()
            yield name, client, bounds.split(','), unroll


def is_caught(text, room, bounds_more=()):
    """By which case and model, and what it said; None: by none."""
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, 'wpool.h'), 'w') as f:
            f.write(text)
        whole = os.path.join(folder, 'whole')
        os.mkdir(whole)
        with open(os.path.join(whole, 'wpool.h'), 'w') as f:
            subprocess.run(['sed', '-f', os.path.join(HERE, 'whole.sed'), os.path.join(folder, 'wpool.h')], stdout=f,
                           check=True)
        for model in ('rc11', 'imm'):
            for prefix in CLIENTS[room]:
                for name, client, bounds, unroll in cases():
                    if not name.startswith(prefix) or name in SLOW or '_failed' in name:
                        continue
                    command = [GENMC, '--disable-estimation', '--check-liveness', '--disable-spin-assume',
                               '--disable-mm-detector', '--' + model, '--unroll=' + unroll, '--', '-w', '-ffp-contract=off', '-I.',
                               '-I' + (whole if '-DMODEL_WHOLE=1' in bounds else folder),
                               *bounds, *bounds_more, client]
                    try:
                        out = subprocess.run(command, cwd=HERE, capture_output=True, text=True, timeout=LIMIT)
                    except subprocess.TimeoutExpired:
                        print(f'    {name}, {model}: no answer in time')
                        continue
                    if 'No errors were detected' not in out.stdout + out.stderr:
                        said = [l for l in (out.stdout + out.stderr).split('\n')
                                if re.match(r'(Assert|Safety|Non-term|Non-atomic|Attempt|Access|.*race|.*rror)', l)]
                        return f'{name}, {model}: {said[0] if said else "?"}'
    return None


def is_caught_by_schedule(text):
    """The same, by which scenario and seed."""
    with tempfile.TemporaryDirectory() as folder:
        header = os.path.join(folder, 'wpool.h')
        with open(header, 'w') as f:
            f.write(text)
        for source in sorted(f for f in os.listdir(SCHEDULE) if f.endswith('_schedule.c')):
            program = os.path.join(folder, source[:-2])
            subprocess.run([os.environ.get('CC', 'cc'), '-std=c11', '-O1', '-w', '-I' + os.path.join(HERE, '..', '..'),
                            '-I' + os.path.join(HERE, '..', 'support'), f'-DSCHEDULER_HEADER="{header}"', '-o', program,
                            os.path.join(SCHEDULE, source), '-pthread'], check=True)
            names = subprocess.run([program, '--list'], capture_output=True, text=True).stdout.split()
            for name in names:
                out = subprocess.run([program, name], capture_output=True, text=True,
                                     env=dict(os.environ, SCHEDULE_MS=SCHEDULE_MS)).stdout
                said = re.search(r'^(FAIL .*?): seed (\d+)|^(\w+): seed (\d+): crashed', out, re.M)
                if said:
                    return f'{name}, seed {said.group(2) or said.group(4)}'
    return None


def can_schedule_show(operation, weaker):
    return SCHEDULE_MS != '0' and (operation == 'store' or (operation != 'load' and weaker == 'relaxed'))


def main():
    source = open(HEADER).read()
    source = source.replace('/* ==== [fork]', wrappers() + '/* ==== [fork]', 1)
    caught = scheduled = survived = 0
    for room in sys.argv[1:] or CLIENTS:
        start = source.index(f'/* ==== [{room}]')
        end = source.index('/* ==== [', start + 10)
        for use in USE.finditer(source, start, end):
            operation, order = use.groups()
            kind = operation if operation in ('load', 'store') else 'rmw'
            failed = {'seq_cst': 'acquire', 'acq_rel': 'acquire', 'acquire': 'relaxed'}.get(order, '')
            function = re.findall(r'^static [^\n;{}#=]*?\b(wpool__\w+)\([^;]*?\)\s*\{', source[start:use.start()],
                                  re.M)[-1]
            place = f'{function}: {operation} of {re.split("[,;]", source[use.end():])[0].split(chr(10))[0]}'
            mutants = [(weaker, failed) for weaker in WEAKER[(kind, order)]]
            if operation == 'cas' and failed in FAILED:
                mutants.append((order, FAILED[failed]))
            tried = set()
            while mutants:
                weaker, failure = mutants.pop(0)
                if (weaker, failure) in tried:
                    continue
                tried.add((weaker, failure))
                if operation == 'cas' and weaker != order and failure not in ('', 'relaxed'):
                    failure = 'relaxed' if weaker in ('release', 'relaxed') else 'acquire'
                suffix = '_' + failure if operation == 'cas' else ''
                text = (source[:use.start()] + f'mutant__{operation}_{weaker}{suffix}(' + source[use.end():])
                split = ['-DMODEL_SPLIT_CAS=1'] if weaker == order else [] # GenMC knows no order for failure
                by = is_caught(text, room, split) if GENMC else None
                caught += bool(by)
                if not by and weaker != order and can_schedule_show(operation, weaker):
                    by = is_caught_by_schedule(text)
                    scheduled += bool(by)
                what = f'{order} -> {weaker}' if weaker != order else f'failure {failed} -> {failure}'
                print(f'{"caught  " if by else "SURVIVES"} {room:8} {place}, {what}{"  by " + by if by else ""}',
                      flush=True)
                survived += not by
                if not by:
                    if weaker != order:
                        mutants += [(w, failure) for w in WEAKER.get((kind, weaker), [])]
                    elif failure in FAILED:
                        mutants.append((order, FAILED[failure]))
    print(f'{caught} caught by clients, {scheduled} by schedules, {survived} survive')


main()
