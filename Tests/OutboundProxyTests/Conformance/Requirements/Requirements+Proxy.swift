// RFC 3261 §16.1 to §16.6: requests.

extension Requirements {
    static let proxy: [Requirement] = validation + routing + forwarding

    private static let stateless = "we are never stateless"

    private static let validation = [
        Requirement(
            "16.1", "what a proxy answers itself it answers as a UAS", "gets the answer that the RFC names",
            "100 has no Contact, no To tag, and the Timestamp with the time it took (§8.2.6.1)"),
        Requirement(
            "16.1", "a request that may go to several places has state",
            "a 503: the next target gets the INVITE with a branch of its own, the caller hears nothing"),
        Requirement(
            "16.1", "between kinds of transport requests have state",
            "a call over TCP: Via, Record-Route and Contact say so, and all of its requests stay there",
            "Registrations and calls cross between any two transports, with audio, both ways"),
        Requirement(
            "16.2", "an INVITE gets 100 at once, or within 200 ms",
            "a whole call: 100 after 200 ms, 180, 200, ACK, BYE from the PBX"),
        Requirement(
            "16.2", "no 100 to anything else, but late (RFC 4320)",
            "no response: the REGISTER goes out ten times, and the PBX gets only 100 (RFC 4320)"),
        Requirement(
            "16.3", "the request is well-formed as far as it is looked at", "gets the answer that the RFC names"),
        Requirement(
            "16.3", "a failed check is answered", "gets the answer that the RFC names", "does what the section says"),
        Requirement(
            "16.3", "merged requests are no error",
            "one request by two ways is two: what is merged is the UAS's to say (§8.2.2.2, §16)"),
        Requirement(
            "16.3", "what is not looked at may be malformed and stays as it is",
            "header fields that are none of our business pass untouched and in order",
            "a request leaves as it came but for what a proxy changes"),
        Requirement(
            "16.3", "unknown methods and fields go on",
            "a method that nobody knows crosses both ways, with its answer (§16.3)"),
        Requirement(
            "16.3 step 2", "a scheme that we don't understand is 416",
            "an unknown scheme is 416, with a Route, too (RFC 4475 §3.1.2.10)"),
        Requirement(
            "16.3 step 3", "Max-Forwards 0 is not forwarded, but 483",
            "Max-Forwards 0 is 483, absent is 70, nonsense is 400",
            "OPTIONS with Max-Forwards 0 is ours to answer where it is for us, else 483 (§16.3 step 3, §11)"),
        Requirement(
            "16.3 step 4", "a loop is found, a spiral is none",
            "what we sent and comes back unchanged is a loop, 482; changed it is a spiral"),
        Requirement(
            "16.3 step 5", "an unknown Proxy-Require is 420 with Unsupported",
            "Proxy-Require of what we don't know is 420, and named", "420 lists every extension that was demanded"),
        Requirement("16.3 step 6", "credentials are inspected where we require them", notOurs: "we challenge nobody"),
    ]

    private static let routing = [
        Requirement(
            "16.4", "a Request-URI that we recorded gives way to the last Route",
            "a strict router upstream in a dialog: our Record-Route arrives as Request-URI",
            "a UA that takes us for a strict router: the last Route is where it wants to go"),
        Requirement(
            "16.4", "maddr of ours, and the port and transport it came by: maddr goes",
            "a maddr that is ours goes, with the port and transport that it came by",
            "another maddr stays, and is where the request goes"),
        Requirement(
            "16.4", "a first Route that is ours is taken off",
            "all consecutive Routes of ours go, with or without lr (finding 1)"),
        Requirement("16.5", "maddr alone says where it goes", "maddr says where it goes (RFC 3263 §4)"),
        Requirement(
            "16.5", "a foreign Request-URI is the only target",
            "an INVITE leaves with our Via, two Record-Routes, our Contact and our media address"),
        Requirement(
            "16.5", "AORs are canonical before they are looked up",
            "bindings are found by AOR, by Contact user and by token"),
        Requirement(
            "16.5", "what does not tell enough is 485 with Contacts",
            open:
                "a trunk's request that could be for several PBXs goes to the first, a stranger must not learn Contacts"
        ),
        Requirement(
            "16.5", "no target twice",
            "two PBXs with the same AOR: both registrations are tried",
            "never inside, never to ourselves, not back to where it was, nor where nobody can go: the 302 passes"),
        Requirement(
            "16.5", "no more targets for what is not ours, but from a 3xx",
            "pass: the PBX gets the 302, and nothing else happens"),
        Requirement(
            "16.5", "bindings that come while a request waits are new targets",
            open: "a call waits seconds for a PBX, not for one that registers meanwhile"),
        Requirement(
            "16.5", "a resource of ours that does not exist is 404",
            "a trunk that asks for somebody we can't place gets 404",
            "Request-URIs that lead nowhere are answered"),
        Requirement(
            "16.5", "no target at all is an error, which should be 480",
            open: "404, since somebody without a registration may be nobody, and a trunk must not be told which"),
    ]

    private static let forwarding = [
        Requirement(
            "16.6 step 1", "all fields are copied in order, none of the others is touched",
            "a request leaves as it came but for what a proxy changes",
            "header fields that are none of our business pass untouched and in order"),
        Requirement(
            "16.6 step 1", "the body stays",
            "3.1.1.11: a binary body leaves as it came",
            "a call between two inside hosts stays inside, and its media is its own"),
        Requirement(
            "16.6 step 1", "also where it is a session description that crosses",
            notOurs: "anchoring is our purpose: between the sides we are more than a proxy (RFC 7092 §3.1.3)"),
        Requirement(
            "16.6 step 2", "the target is the Request-URI, without parameters that don't belong there",
            "alternatives: another hop with another Request-URI, once the first has failed",
            "follow: the INVITE goes to the contact, with a branch of its own, and the PBX hears the answer"),
        Requirement("16.6 step 3", "Max-Forwards is one less", "Max-Forwards counts down"),
        Requirement(
            "16.6 step 3", "Max-Forwards is 70 if absent", "Max-Forwards 0 is 483, absent is 70, nonsense is 400"),
        Requirement(
            "16.6 step 4", "Record-Route on top, before a dialog exists",
            "an INVITE leaves with our Via, two Record-Routes, our Contact and our media address",
            "our Record-Routes come first even where the others stand above the Via"),
        Requirement(
            "16.6 step 4", "Record-Route within a dialog",
            open: "the route set of a dialog does not change (§12.2.1.1); left out, as it makes messages longer"),
        Requirement(
            "16.6 step 4", "it is a SIP URI with lr",
            "an INVITE leaves with our Via, two Record-Routes, our Contact and our media address"),
        Requirement(
            "16.6 step 4", "no transport, but where the next element is known to support it",
            "Record-Route and Contact of a stream name its transport"),
        Requirement(
            "16.6 step 4", "it resolves to us",
            "Via, Record-Route and Contact name the advertised address, and what names it is ours"),
        Requirement("16.6 step 4", "sips where Request-URI or Route is", open: "TLS is not built yet"),
        Requirement("16.6 step 4", "always recorded between TLS and others", open: "TLS is not built yet"),
        Requirement(
            "16.6 step 4", "unknown methods are recorded, as they may begin a dialog",
            "a method that nobody knows may begin a dialog: our route is recorded (§16.6 step 4)"),
        Requirement("16.6 step 5", "routes that the policy pushes are loose", notOurs: "we push none"),
        Requirement(
            "16.6 step 6", "a strict router gets its URI as Request-URI, ours as the last Route",
            "a next hop without lr is a strict router: its URI is the Request-URI, ours the last Route",
            "a strict router downstream in a dialog"),
        Requirement(
            "16.6 step 7",
            "the next hop is the Request-URI of a strict router, else the first Route, else the Request-URI",
            "a Route beyond us is the next hop, however the values are spread over lines",
            "a next hop without lr is a strict router: its URI is the Request-URI, ours the last Route"),
        Requirement("16.6 step 7", "sips means TLS", "sips goes by TLS or not at all"),
        Requirement(
            "16.6 step 7", "one target after the other until one has it, each with a transaction of its own",
            "a 503: the next target gets the INVITE with a branch of its own, the caller hears nothing",
            "a transport error: the next target"),
        Requirement(
            "16.6 step 8", "our Via is first, and its branch differs for each try",
            "branches differ for every request, and CANCEL and ACK have their INVITE's (§8.1.1.7, §17.1.1.3)",
            "a 503: the next target gets the INVITE with a branch of its own, the caller hears nothing"),
        Requirement(
            "16.6 step 8", "the branch holds what a loop repeats, without the method",
            "what we sent and comes back unchanged is a loop, 482; changed it is a spiral"),
        Requirement(
            "16.6 step 9", "Content-Length on a stream",
            "what leaves on a stream has a Content-Length that has one reading (security 20)"),
        Requirement(
            "16.6 step 10", "a client transaction to that address, port and transport",
            "an INVITE leaves with our Via, two Record-Routes, our Contact and our media address"),
        Requirement(
            "16.6 step 11", "timer C, more than three minutes",
            "timer C: a branch that rings for 181 s is cancelled, then 408"),
    ]
}
