import NetworkTypes
import SIP

/// A dialog in which we send requests ourselves, in the name of its other party.
struct OwnDialog {
    let party: Call.Party
    /// The From value that the party knows the other by.
    let other: [UInt8]
    let callID: [UInt8]
    let serial: UInt64
    let flow: Flow

    /// A request to the party, without a body.
    func request(
        _ method: String, cSeq: UInt32, branch: [UInt8], _ identities: Identities, extra: [UInt8] = []
    ) -> [UInt8] {
        let route = RouteSet(target: party.target, routes: party.routes)
        var out: [UInt8] = []
        out.reserveCapacity(700)
        out.append(contentsOf: "\(method) ".utf8)
        out.append(contentsOf: route.requestURI)
        out.append(contentsOf: " SIP/2.0\r\nVia: SIP/2.0/".utf8)
        if let listener = identities[flow.listener] {
            out.append(contentsOf: "\(listener.transport.viaName) ".utf8)
            out.append(contentsOf: listener.hostPort)
        }
        out.append(contentsOf: ";rport;branch=".utf8)
        out.append(contentsOf: branch)
        out.append(contentsOf: "\r\nMax-Forwards: 70\r\n".utf8)
        for route in route.routes { Self.append("Route: ", route, to: &out) }
        Self.append("From: ", other, to: &out)
        Self.append("To: ", party.identity, to: &out)
        Self.append("Call-ID: ", callID, to: &out)
        out.append(contentsOf: "CSeq: \(cSeq) \(method)\r\n".utf8)
        out.append(contentsOf: extra)
        out.append(contentsOf: "Content-Length: 0\r\n\r\n".utf8)
        return out
    }

    private static func append(_ name: String, _ value: [UInt8], to out: inout [UInt8]) {
        out.append(contentsOf: name.utf8)
        out.append(contentsOf: value)
        out.append(contentsOf: "\r\n".utf8)
    }
}

/// Request-URI and Routes of a request to a party (RFC 3261 §12.2.1.1): where the first hop is a strict router its URI
/// is the Request-URI, and the target the last Route.
struct RouteSet {
    let requestURI: [UInt8]
    let routes: [[UInt8]]

    init(target: [UInt8], routes: [[UInt8]]) {
        guard let first = routes.first, let value = NameAddress(0..<first.count, in: first),
            let uri = URI(value.uri, in: first), !uri.isLoose(in: first)
        else {
            (requestURI, self.routes) = (target, routes)
            return
        }
        requestURI = Array(first[value.uri])
        self.routes = routes.dropFirst() + [Array("<".utf8) + target + Array(">".utf8)]
    }
}
