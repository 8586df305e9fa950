"""Judges one situation by the caller's log: report.py NAME LOG RULE [TIME-OF-DEATH]

RULE is `none` (no call may fail), `flying` (only calls that had begun before the time of death may) or `refused` (every
call is refused with 503 or 504 within 2.5 s). Prints one row, and ends with 1 where the rule is broken.
"""
import sys


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))] * 1000 if values else float("nan")


def main():
    name, path, rule = sys.argv[1:4]
    death = float(sys.argv[4]) if len(sys.argv) > 4 else None
    started, answered, ended, refused = {}, {}, set(), {}
    with open(path) as log:
        for line in log:
            words = line.split()
            if len(words) < 5 or words[0] not in "SAEF":
                continue
            # SIPp's time is a date, a time of day, and seconds.
            call, time = words[1], float(words[4])
            if words[0] == "S":
                started[call] = time
            elif words[0] == "A":
                answered[call] = time
            elif words[0] == "E":
                ended.add(call)
            else:
                refused[call] = (words[5], time)
    failed = started.keys() - ended
    flying = {call for call in failed if death and started[call] < death}
    delays = [answered[call] - started[call] for call in answered if call in started]
    codes = sorted({code for code, _ in refused.values()})
    note = ""
    if rule == "refused":
        delays = [time - started[call] for call, (_, time) in refused.items() if call in started]
        slow = sum(delay > 2.5 for delay in delays)
        is_right = bool(started) and len(refused) == len(started) and set(codes) <= {"503", "504"} and not slow
        note = f"refused with {' '.join(codes) or 'nothing'}, {slow} later than 2.5 s, slowest {max(delays, default=0):.2f} s"
    elif rule == "flying":
        is_right = bool(answered) and failed == flying
    else:
        is_right = bool(answered) and not failed
    if failed and rule != "refused":
        unanswered = len(failed) - len(refused.keys() & failed)
        note = f"refused with {' '.join(codes) or 'nothing'}, {unanswered} without an answer"
    print(f"{name:<34}{len(started):>7}{len(failed):>8}{len(flying):>10}{percentile(delays, .5):>9.1f}"
          f"{percentile(delays, .99):>9.1f}  {'passed' if is_right else 'FAILED'}{'  ' * bool(note)}{note}")
    sys.exit(0 if is_right else 1)


main()
