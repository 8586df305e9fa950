import NetworkTypes
import SDP

/// Writes a received body anew for the other end: our address, our ports, and none of the attributes that belong to the
/// leg it came from; what our face says takes their place. All other lines leave as they came.
///
/// An `a=rtcp` of our own is never needed: our RTCP port is always the next one.
struct BodyRewriter {
    let address: IPAddress
    /// What each media description says.
    let lines: [LegLine]
    /// Where media goes instead, if that is not to us.
    var media: IPAddress?

    func rewrite(_ description: SessionDescription) throws(MediaRefusal) -> [UInt8] {
        var writer = SDPWriter(description)
        var isLeftAlone = false
        for field in description.fields {
            switch field {
            case .origin(let range): writer.replace(range, with: address)
            case .connection where isLeftAlone: break
            case .connection(let data):
                let isHold = data.address == .unspecified && !description.media.contains(where: \.isPlaceholder)
                writer.replace(data.range, with: isHold ? .unspecified(address.family) : media ?? address)
            case .media(let index):
                if index == 0 { writer.insert(iceOfSession, at: description.media[0].start) }
                insert(index - 1, description, into: &writer)
                isLeftAlone = line(index).isLeftAlone
                if isLeftAlone {
                    keepAddress(of: description.media[index], description, in: &writer)
                } else {
                    write(description.media[index], line(index), to: &writer)
                }
            case .attribute where isLeftAlone: break
            case .attribute(let attribute):
                if attribute.name == .rtcpFeedback, keepsFeedback(attribute.media, description) { continue }
                writer.remove(attribute.line)
            }
        }
        if let last = description.media.indices.last {
            insert(last, description, into: &writer)
        }
        let body = writer.finish()
        guard body.count <= SessionDescription.maximumLength else { throw .tooLarge }
        return body
    }

    /// Writes what a media description says of ours, at its end.
    private func insert(_ index: Int, _ description: SessionDescription, into writer: inout SDPWriter) {
        guard description.media.indices.contains(index) else { return }
        if line(index).isLeftAlone { writer.insert(inherited(index, description), at: description.media[index].end) }
        writer.insert(attributes(index), at: description.media[index].end)
        writer.insert(ice(line(index)), at: description.media[index].end)
    }

    /// A line that crosses as it is keeps its address, though that of the session becomes ours.
    private func keepAddress(
        of media: MediaDescription, _ description: SessionDescription, in writer: inout SDPWriter
    ) {
        guard let connection = media.connection, connection.range.lowerBound < media.start else { return }
        let text = Array("c=IN ".utf8) + description.bytes[connection.range] + Array("\r\n".utf8)
        writer.insert(text, at: media.headEnd)
    }

    /// What the session level says about the connection of a line that crosses as it is, as far as the line leaves that
    /// open (RFC 4145 §4, RFC 8122 §5, RFC 8842 §5.1): the session level becomes ours.
    private func inherited(_ index: Int, _ description: SessionDescription) -> [UInt8] {
        var session: [LegAttribute] = []
        var own: Set<LegAttribute.Name> = []
        for case .attribute(let attribute) in description.fields where Self.inheritable.contains(attribute.name) {
            if attribute.media == nil { session.append(attribute) }
            if attribute.media == index { own.insert(attribute.name) }
        }
        return session.filter { !own.contains($0.name) }.flatMap { description.bytes[$0.line] }
    }

    private static let inheritable: Set<LegAttribute.Name> = [.fingerprint, .setup, .connection, .tlsID]

    private func write(_ media: MediaDescription, _ line: LegLine, to writer: inout SDPWriter) {
        writer.replace(media.portRange, with: line.port)
        guard let profile = line.face.profile, profile != media.profile else { return }
        writer.replace(media.transportRange, with: profile)
    }

    private func line(_ index: Int) -> LegLine { lines.indices.contains(index) ? lines[index] : LegLine(port: 0) }

    private func attributes(_ index: Int) -> [UInt8] { line(index).port == 0 ? [] : line(index).face.attributes }

    /// Whether `a=rtcp-fb` is for the receiver as well: all but where its profile has lost feedback on the way.
    private func keepsFeedback(_ media: Int?, _ description: SessionDescription) -> Bool {
        guard let media, description.media[media].profile?.hasFeedback == true else { return true }
        return line(media).face.profile?.hasFeedback ?? true
    }
}

/// What one media description of a body says that leaves: the port, 0 for a stream that is refused, and the profile and
/// keys; without a profile the one that it came with.
struct LegLine {
    var port: UInt16
    var face = LegFace()
    /// Whether the line crosses as it is, without us.
    var isLeftAlone = false
}
