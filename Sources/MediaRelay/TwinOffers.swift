import SDP

// A stream that is offered twice, with SRTP and without: what was done to leave the choice before RFC 8643.

extension SessionDescription {
    /// Whether another description offers the same stream and is one of those that are taken.
    func hasTwin(of index: Int, takenIn lines: [Exchange.Line]) -> Bool {
        media.indices.contains { $0 != index && lines[$0].remote != nil && isTwin(media[$0], of: media[index]) }
    }

    /// Takes of twins the one with keys.
    func leaveSecured(of lines: inout [Exchange.Line]) {
        for index in lines.indices where lines[index].remote != nil && !lines[index].hasKeys {
            let isSecured = media.indices.contains {
                lines[$0].hasKeys && media[$0].profile?.isSecure == true && isTwin(media[$0], of: media[index])
            }
            if isSecured { lines[index] = Exchange.Line(profile: media[index].profile) }
        }
    }

    private func isTwin(_ one: MediaDescription, of other: MediaDescription) -> Bool {
        one.profile?.isSecure != other.profile?.isSecure
            && bytes[one.type].elementsEqual(bytes[other.type])
            && bytes[one.formats].elementsEqual(bytes[other.formats])
    }
}
