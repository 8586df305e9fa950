// RFC 3263, 3581, 3327, 5393, 5626, 6026 and 7339.

extension Requirements {
    private static let table = "does in every state what the RFC says of every event"

    static let locating: [Requirement] = [
        Requirement(
            "4", "once for a transaction: retransmissions, ACK and CANCEL go where the request went",
            "a silent UDP target is left after 4 s, and not repeated any more",
            "a CANCEL follows its INVITE, and no other target is tried afterwards"),
        Requirement(
            "4.1", "a transport parameter decides, an address or a port means UDP",
            "an address: the URI says the transport, else the trunk, else UDP",
            "the records decide where a request goes"),
        Requirement(
            "4.1", "else NAPTR, of it the services that we have; else SRV; else UDP",
            "the records decide where a request goes", "a name is asked for with what we speak on that side"),
        Requirement("4.1", "sips takes SIPS services alone", "the records decide where a request goes"),
        Requirement("4.1", "three NAPTR records of one's own", notOurs: "said to who runs a domain"),
        Requirement("4.1", "names of certificates", open: "TLS is not built yet"),
        Requirement(
            "4.2", "records in order, one after the other", "ranks come in order, and each target once",
            "each comes first as often as its weight says, without weights all do alike"),
        Requirement(
            "4.3", "503, a timeout and a transport error are failures, and a new branch follows",
            "a 503: the next target gets the INVITE with a branch of its own, the caller hears nothing",
            "a transport error: the next target"),
        Requirement("4.4", "a stateless proxy's order", notOurs: "we are never stateless, but for ACK"),
        Requirement(
            "5", "a response that can't be sent back goes where Via's sent-by is",
            "A response whose connection has gone is sent to the address in Via"),
        Requirement(
            "5", "SRV for a sent-by that is a name without a port",
            open: "received is always there when sent-by is a name, and its address is where it came from"),
    ]

    static let rport: [Requirement] = [
        Requirement(
            "3", "rport without a value in our Via",
            "an INVITE leaves with our Via, two Record-Routes, our Contact and our media address"),
        Requirement(
            "3", "responses are taken at the address and port that sent",
            "Registers, calls and is called, with audio both ways"),
        Requirement(
            "3", "the INVITE every 20 s to keep a binding of NAT",
            notOurs: "an edge proxy is not behind NAT towards its peers"),
        Requirement(
            "4", "rport is filled in, and received always with it",
            "received, rport and where the answer goes (RFC 3581 §4)"),
        Requirement("4", "the response goes there", "received, rport and where the answer goes (RFC 3581 §4)"),
        Requirement(
            "4", "from the address and port that the request came to",
            "a trunk's requests leave by its port, and name it",
            "a call out: each side's Record-Route names it, and requests both ways follow them"),
    ]

    static let path: [Requirement] = [
        Requirement("4", "a Path URI has lr", "path: our Path names the Contact, and a Route with it finds the PBX"),
        Requirement("5.1", "Supported: path", notOurs: "said to the UA"),
        Requirement(
            "5.2", "no Path unless the UA supports it",
            "path: not without Supported: path, and not for several Contacts"),
        Requirement(
            "5.2", "Require: path where we need it, 421 where the UA does not support it",
            open: "a registrar that ignores Path is served by the Contact's own token, so that nothing is required"),
        Requirement(
            "5.2", "below ours the others stay", "an inside Path does not leave, an outside one stays below ours",
            "a Path of a proxy before us stays below ours, and Supported is not said twice (RFC 3327 §5.2)"),
        Requirement(
            "5.2", "Path in a response is not altered",
            "Service-Route and Path of a registrar come back as they are (RFC 3608, RFC 3327)"),
        Requirement("6", "S/MIME of UA and registrar", notOurs: "said to the ends"),
    ]

    static let amplification: [Requirement] = [
        Requirement(
            "4.1", "who forks looks for loops",
            "what we sent and comes back unchanged is a loop, 482; changed it is a spiral"),
        Requirement(
            "4.2.1", "the branch's second part depends on Request-URI and Routes, not on the method",
            "what we sent and comes back unchanged is a loop, 482; changed it is a spiral",
            "branches differ for every request, and CANCEL and ACK have their INVITE's (§8.1.1.7, §17.1.1.3)"),
        Requirement(
            "4.2.2", "every Via of ours is compared, and the same is 482",
            "what we sent and comes back unchanged is a loop, 482; changed it is a spiral"),
        Requirement(
            "5.3.3", "Max-Breadth is added where there is none",
            "without one, several targets share 60"),
        Requirement(
            "5.3.3", "also where a request has one target",
            "without one, the only target gets 60, in a field of its own",
            "a request in a dialog has one, too: it may be forked as well"),
        Requirement(
            "5.3.3", "at most 60, and a single one", "more than 60, and what is no number, becomes 60",
            "a second one goes"),
        Requirement(
            "5.3.3", "open branches never have more than came",
            "several targets share it, and together never have more",
            "with 1 a silent target is not left while it may still answer, but after it has failed"),
        Requirement("5.3.3", "too little for any branch is 440", "Max-Breadth 0 allows no branch: 440"),
        Requirement("5.3.3", "not less each hop", "a request with one target keeps its Max-Breadth, undiminished"),
        Requirement("5.3.3.1", "what a branch had is used again", "what a branch that has ended had is used again"),
    ]

    static let overload: [Requirement] = [
        Requirement(
            "5.1", "a client asks with oc and its algorithms", "a trunk is asked only where that is configured"),
        Requirement(
            "5.1", "a server names the algorithm, and oc=0 where it is well",
            "who asks is told our load in every response, ours or not"),
        Requirement(
            "5.2", "oc, oc-validity and oc-seq, in responses alone, and in 100 as in others",
            "who asks is told our load in every response, ours or not"),
        Requirement(
            "5.1", "who does not ask is told nothing", "who does not ask, or for another algorithm, is not told",
            "a stranger is not told, whatever it asks"),
        Requirement(
            "5.4", "parameters below the topmost Via are taken off",
            "a neighbour's parameters go no further, either way"
        ),
        Requirement(
            "5.4", "an older oc-seq changes nothing, and what has run out is forgotten",
            "a report that comes late does not undo a later one",
            "without oc-validity it holds for 500 ms, with 0 it is over"),
        Requirement(
            "5.5", "not more is sent than the server wants",
            "that percentage of new calls is refused, for as long as it holds",
            "the next host of the trunk gets what the first does not want"),
        Requirement("5.6", "nothing is passed on", "a neighbour's parameters go no further, either way"),
        Requirement("5.7", "oc-validity=0 ends it", "without oc-validity it holds for 500 ms, with 0 it is over"),
        Requirement(
            "5.9", "who does not answer gets a request now and then, while another target has the others",
            "half open: one request per interval sees whether it is back, the interval doubles"),
        Requirement(
            "5.9", "also where there is no other target",
            open: "a single target is tried whatever is known about it: its PBX must get through as soon as it is back"),
        Requirement(
            "5.10.1", "calls for help and what belongs to a dialog go first",
            "calls for help and what is in a dialog go on, and so does another trunk"),
        Requirement(
            "5.10.2", "who does not take part is refused without Retry-After",
            open: "with it: a PBX that registers would else try again at once, or never"),
    ]

    static let outbound: [Requirement] = [
        Requirement("4", "instances, reg-ids and flows of a UA", notOurs: "said to the UA"),
        Requirement(
            "5.1", "a Path with a flow token and ob for who is the first hop",
            "ob says that the phone asked for a flow and that we are its first hop (RFC 5626 §5.1)"),
        Requirement(
            "5.3.1", "403 for a forged flow token, 430 for a flow that has gone",
            "a forged or altered flow token is not followed",
            "a connection is the flow: where it has ended the PBX gets 430, and a call goes on with the next one"),
        Requirement(
            "5.4", "STUN on the UDP port of SIP",
            "a STUN request on a UDP port gets the address it came from; a stranger, once a second",
            "A STUN keep-alive on the UDP port is told where it came from"),
        Requirement(
            "5.4", "CRLF for a double CRLF at once",
            "Keep-alives get their pong, lone line ends and strangers' ones included"),
        Requirement("6", "what a registrar does with reg-id", notOurs: "said to the registrar"),
        Requirement("7", "who forwards to flows of one instance", notOurs: "said to the authoritative proxy"),
        Requirement(
            "8", "XOR-MAPPED-ADDRESS in the answer",
            "The answer to a plain request is the mapped address of RFC 5769 §2.2"),
    ]

    static let corrections: [Requirement] = [
        Requirement(
            "6", "a 2xx ends no INVITE transaction, on either side", table,
            "RFC 6026: forwards every 2xx for timer M, from whatever fork, on any transport"),
        Requirement(
            "6", "a transport error ends no server transaction",
            "A response whose connection has gone is sent to the address in Via"),
        Requirement(
            "7.1", "Accepted: every 2xx of the TU goes out, none is repeated by itself, ACKs pass, timer L",
            "RFC 6026: absorbs INVITEs and passes on every 2xx for timer L, on any transport", table),
        Requirement(
            "7.2", "Accepted: every 2xx goes to the TU, no ACK of one's own, timer M",
            "RFC 6026: forwards every 2xx for timer M, from whatever fork, on any transport", table),
        Requirement(
            "7.3", "a response without a transaction is not forwarded",
            "responses to nothing, for others, or from the wrong side do nothing (security 23)"),
        Requirement("8.4", "timer D whatever made it Completed", "stays in Completed for timer D"),
        Requirement(
            "8.9", "a response that matches nothing is dropped silently",
            "the callee never answers the CANCEL: 487 after 64*T1 (§9.1)"),
    ]
}
