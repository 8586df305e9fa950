// RFC 3261 §16.7 to §16.11: responses, timers, errors, CANCEL.

extension Requirements {
    static let responses: [Requirement] = [
        Requirement(
            "16.7 step 1", "a response without a context is processed statelessly",
            notOurs: "RFC 6026 §7.3 replaced it: such a response is dropped"),
        Requirement(
            "16.7 step 2", "101 to 199 start timer C anew", "each provisional response but 100 starts timer C anew"),
        Requirement(
            "16.7 step 3", "our Via goes, and a response that has no other is ours",
            "several Via values on one line come back as they were"),
        Requirement(
            "16.7 step 4", "contacts that are recursed on are gone from the 3xx",
            "the contacts that were followed are gone from the 302 that goes up in the end"),
        Requirement("16.7 step 4", "no clear URI after sips", "a secure request is not sent on in the clear"),
        Requirement(
            "16.7 step 4", "a 3xx of which nothing is left is none of the answers",
            "contacts are tried one after the other, the most wanted first"),
        Requirement("16.7 step 4", "a 416 to a scheme that we put there is tried again", notOurs: "we put none there"),
        Requirement(
            "16.7 step 5", "provisional responses and 2xx go up at once",
            "a whole call: 100 after 200 ms, 180, 200, ACK, BYE from the PBX",
            "early media of two forks: two To tags are two answers, the first 2xx wins"),
        Requirement(
            "16.7 step 5", "a 6xx cancels the others and ends the search",
            "a late 6xx ends the search: the other branch is cancelled, and it goes up",
            "after a 6xx no other target is tried"),
        Requirement(
            "16.7 step 5", "a 2xx to INVITE goes up after a final one",
            "ACKs and 2xx retransmissions pass again and again"),
        Requirement(
            "16.7 step 5", "a 2xx of a second target goes up, too",
            open: "one target at a time: a late one is acknowledged and ended with BYE by us, since media has one peer"),
        Requirement(
            "16.7 step 5", "100 never goes up, other refusals wait", "whoever says 100 in time is not left",
            "a refusal of the one that was left counts when the other never answers"),
        Requirement(
            "16.7 step 6", "the best goes up once all are done; none is 408",
            "nobody answers: seven INVITEs, then 408 after 32 s, and nothing is left",
            "all say 503: 500 goes up; the best of several answers does"),
        Requirement(
            "16.7 step 6", "6xx, then the lowest class, in it what tells how to ask again",
            "6xx, then the lowest class, in 4xx what says how to ask again, and 503 last"),
        Requirement(
            "16.7 step 6", "a lone 503 goes up as 500", "a 503 from the ITSP goes up as 500",
            "a 503 without a reason phrase goes up as a 500 that can be read"),
        Requirement(
            "16.7 step 6", "To tags stay", "early media of two forks: two To tags are two answers, the first 2xx wins"),
        Requirement(
            "16.7 step 7", "all challenges go up with a 401 or 407",
            "challenges of all branches go up with the best one, each as it came"),
        Requirement(
            "16.7 step 8", "Record-Route is rewritten between TLS and others",
            notOurs: "two Record-Routes, one for each side, need no rewriting (RFC 5658 §4)"),
        Requirement(
            "16.7 step 9", "nothing else is removed or changed",
            "Service-Route and Path of a registrar come back as they are (RFC 3608, RFC 3327)",
            "a challenge goes back untouched and the ACK is ours"),
        Requirement(
            "16.7 step 9", "it goes by the server transaction, and the context stays until all are done",
            "a late 2xx after the caller was refused: ACK and BYE, along the route that it names"),
        Requirement(
            "16.7 step 10", "a final response cancels what is pending",
            "a late 2xx before any other answer wins, the others are cancelled and hung up"),
        Requirement(
            "16.8", "timer C cancels what rings, and what does not is 408",
            "timer C: a branch that rings for 181 s is cancelled, then 408"),
        Requirement(
            "16.9", "a transport error is a 503 of that branch, and cancels no other",
            "the transport can't reach the next hop: 503 with Retry-After (§16.9)", "a transport error: the next target"
        ),
        Requirement(
            "16.10", "CANCEL gets 200 at once and cancels all branches",
            "before any response: 200 at once, the CANCEL follows the first provisional one",
            "while it rings: the CANCEL goes out at once, and again until it is answered"),
        Requirement(
            "16.10", "a CANCEL without a context is forwarded statelessly",
            open: "481 inside, silence outside: whoever forwards what it can't match is an amplifier"),
        Requirement("16.11", "what a stateless proxy does", notOurs: "we are never stateless, but for ACK"),
    ]
}
