// RFC 3261 §17 and §18: transactions and transports.

extension Requirements {
    private static let table = "does in every state what the RFC says of every event"

    static let transactions: [Requirement] = [
        Requirement("17.1.1.2", "Calling, Proceeding, Completed: what happens in each", table),
        Requirement(
            "17.1.1.2", "timers A and B on unreliable transports",
            "retransmits on UDP at doubling intervals without a cap, and gives up at 64*T1"),
        Requirement(
            "17.1.1.2", "no timer A on reliable ones",
            "never retransmits on a reliable transport, and gives up at 64*T1"),
        Requirement(
            "17.1.1.2", "at the timeout the TU is told, and there is no ACK",
            "nobody answers: seven INVITEs, then 408 after 32 s, and nothing is left"),
        Requirement(
            "17.1.1.2", "300 to 699 are acknowledged, again and again",
            "acknowledges every retransmitted failure until timer D, without restarting it",
            "a refusal that comes again is acknowledged again, and not passed again"),
        Requirement(
            "17.1.1.2", "timer D, 32 s or more, none on reliable transports", "stays in Completed for timer D",
            "takes timer D as 32 s at least, however small T1 is"),
        Requirement(
            "17.1.1.3", "the ACK has the INVITE's Via, From, Call-ID, Request-URI and CSeq number, the response's To",
            "branches differ for every request, and CANCEL and ACK have their INVITE's (§8.1.1.7, §17.1.1.3)"),
        Requirement(
            "17.1.1.3", "the ACK has the INVITE's Routes",
            "ACK and CANCEL of a hop have the Routes of their INVITE (§17.1.1.3, §9.1)"),
        Requirement("17.1.2.2", "Trying, Proceeding, Completed: what happens in each", table),
        Requirement(
            "17.1.2.2", "timers E and F",
            "retransmits on UDP at doubling intervals up to T2, and gives up at 64*T1",
            "retransmits at intervals of T2 after a provisional response, whose arrival does not restart timer E"),
        Requirement("17.1.2.2", "timer K, none on reliable transports", "stays in Completed for timer K"),
        Requirement(
            "17.1.3", "a response belongs to the branch and method of its request",
            "a response belongs to the branch and the CSeq's method"),
        Requirement(
            "17.1.4", "a transport error ends it, and the TU is told",
            "the transport can't reach the next hop: 503 with Retry-After (§16.9)"),
        Requirement(
            "17.2.1", "100 within 200 ms", "asks for 100 Trying after 200 ms without a response, once",
            "100 has no Contact, no To tag, and the Timestamp with the time it took (§8.2.6.1)"),
        Requirement("17.2.1", "Proceeding, Completed, Confirmed: what happens in each", table),
        Requirement(
            "17.2.1", "timers G and H",
            "retransmits a failure on UDP at doubling intervals up to T2, and gives up at 64*T1",
            "timer G and H: a refusal comes again until it is acknowledged, and not for ever"),
        Requirement("17.2.1", "timer I, none on reliable transports", "absorbs ACKs for timer I"),
        Requirement("17.2.2", "Trying, Proceeding, Completed: what happens in each", table),
        Requirement(
            "17.2.2", "provisional responses", "RFC 4320: lets an early 100 out on reliable transports only",
            "a provisional response other than 100 to a non-INVITE request stops here (RFC 4320 §4.1)"),
        Requirement(
            "17.2.2", "timer J, none on reliable transports", "stays in Completed for timer J",
            "a 200 that comes again goes to a REGISTER that comes again"),
        Requirement(
            "17.2.3", "requests belong by branch, sent-by and method; those of RFC 2543 by more",
            "with the cookie: branch, sent-by and method", "without the cookie: what RFC 2543 compared"),
        Requirement(
            "17.2.4", "a response that can't be sent goes by RFC 3263 §5",
            "A response whose connection has gone is sent to the address in Via"),
    ]

    static let transport: [Requirement] = [
        Requirement(
            "18", "UDP and TCP, connections kept as long as a transaction",
            "Registrations and calls cross between any two transports, with audio, both ways",
            "A connection without traffic is closed, and a keep-alive is traffic"),
        Requirement(
            "18.1.1", "more than 1,300 octets go by a stream, and Via says so",
            "a TCP target that DNS names takes it, once the connection is open"),
        Requirement(
            "18.1.1", "also where nobody has said that there is a stream",
            open: "only where DNS names a TCP target: most ITSPs have none at the port, and the call would be late"),
        Requirement(
            "18.1.1", "UDP after all where the stream is refused",
            "no connection: UDP, with a warning that names the size"),
        Requirement("18.1.1", "datagrams up to the largest", "The largest datagrams pass whole"),
        Requirement("18.1.1", "maddr and ttl for multicast", notOurs: "we never send to a multicast address"),
        Requirement(
            "18.1.1", "sent-by in Via, and responses are taken at it",
            "an INVITE leaves with our Via, two Record-Routes, our Contact and our media address"),
        Requirement(
            "18.1.1", "responses on the connection, or on a new one to sent-by",
            "An ITSP calls back on the connection of a registration, and one connection carries everything"),
        Requirement(
            "18.1.2", "a response whose sent-by is not ours is dropped",
            "a response with a topmost Via of another host is dropped (§16.7 step 3, §18.1.2)"),
        Requirement(
            "18.2.1", "TCP at each address and port of UDP",
            "check accepts a file that fits this machine and says so with 0"),
        Requirement(
            "18.2.1", "received where sent-by is a name or another address",
            "received, rport and where the answer goes (RFC 3581 §4)", "4.5: received leaves without brackets"),
        Requirement(
            "18.2.2", "on streams the response goes on the connection, else to received and sent-by's port",
            "a response goes on the connection of its request, and to the sent-by address without it",
            "A response whose connection has gone is sent to the address in Via"),
        Requirement(
            "18.2.2", "a maddr in Via is where the response goes",
            open: "for multicast; a source that names another host in maddr would make us send to it (security 23)"),
        Requirement(
            "18.2.2", "to received and the port in sent-by", "received, rport and where the answer goes (RFC 3581 §4)"),
        Requirement(
            "18.3", "what follows the body of a datagram is dropped", "3.1.1.8: the octets after the body don't leave"),
        Requirement(
            "18.3", "a datagram shorter than Content-Length says: 400, a response is dropped",
            "a datagram cut anywhere is refused or dropped, never forwarded without its body"),
        Requirement(
            "18.3", "Content-Length on streams",
            "what leaves on a stream has a Content-Length that has one reading (security 20)"),
        Requirement(
            "18.4", "unreachable is told, and what is sent on a connection that fails",
            "the transport can't reach the next hop: 503 with Retry-After (§16.9)",
            "A connection that can't be opened, or isn't in time, fails what was to be sent on it"),
    ]
}
