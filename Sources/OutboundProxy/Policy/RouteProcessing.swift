import NetworkTypes
import SIP

/// What is left of a request's route after our own Routes have been taken off (RFC 3261 §16.4, §16.12).
struct RouteProcessing {
    /// Which Route field values are ours and go; in order.
    private(set) var popped: [NameAddress] = []
    /// The first Route value that is not ours.
    private(set) var next: NameAddress?
    /// The value that a strict router moved the Request-URI to (§16.4): it becomes the Request-URI again.
    private(set) var strictTarget: NameAddress?
    /// The Route values that are left: the way beyond us.
    private(set) var beyond: [Range<Int>] = []
    /// Whether any Route was malformed.
    private(set) var isMalformed = false

    /// Reads the Route fields: all consecutive values that name us are popped, with or without `lr`.
    ///
    /// - Parameter domains: names that lead to us, as far as a phone can tell: those of its outbound proxy. In a dialog
    ///   we are named as we recorded our route, and such a name is the PBX's.
    init(_ request: Message, identities: Identities, domains: Set<String> = []) {
        var values: [NameAddress] = []
        for range in request.values(.route) {
            guard let value = NameAddress(range, in: request.bytes) else {
                isMalformed = true
                return
            }
            values.append(value)
        }
        guard !values.isEmpty else { return }
        func isOurs(_ uri: URI) -> Bool {
            identities.isOurs(uri, in: request.bytes)
                || !domains.isEmpty && !request.isInDialog
                    && domains.contains(request.bytes.text(uri.host).lowercased())
        }
        if Self.comesFromStrictRouter(request, values, isOurs), let last = values.last {
            strictTarget = last
            values.removeLast()
        }
        for (index, value) in values.enumerated() {
            guard let uri = URI(value.uri, in: request.bytes), isOurs(uri) else {
                next = value
                beyond = values[index...].map(\.range)
                return
            }
            popped.append(value)
        }
    }

    /// Whether the Request-URI is a Record-Route of ours, put there by a strict router; or a pre-loaded Route of ours
    /// without `lr`, which makes one of the UA (§12.2.1.1): then the last Route is where the request wants to go.
    private static func comesFromStrictRouter(
        _ request: Message, _ values: [NameAddress], _ isOurs: (URI) -> Bool
    ) -> Bool {
        guard let uri = URI(request.requestURI, in: request.bytes), uri.userInfo == nil,
            isOurs(uri), let last = values.last
        else { return false }
        guard !uri.isLoose(in: request.bytes) else { return true }
        guard let target = URI(last.uri, in: request.bytes) else { return true }
        return !isOurs(target)
    }

    /// Records the edits: our Routes go, the last one too where it became the Request-URI, and `others`.
    func apply(to request: Message, without others: [Range<Int>] = [], edits: inout MessageEdits) {
        let gone = Set(popped.map(\.range) + (strictTarget.map { [$0.range] } ?? []) + others)
        guard !gone.isEmpty else { return }
        for field in request.headers where field.name == .route {
            var values: [Range<Int>] = []
            FieldValues.append(field.value, of: request.bytes, to: &values)
            let kept = values.filter { !gone.contains($0) }
            if kept.isEmpty {
                edits.remove(field.line)
            } else if kept.count < values.count {
                edits.replace(field.value) { out in
                    for (index, value) in kept.enumerated() {
                        if index > 0 { out.append(contentsOf: ", ".utf8) }
                        out.append(contentsOf: request.bytes[value])
                    }
                }
            }
        }
    }
}
