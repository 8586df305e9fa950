import NetworkTypes

/// Where a body has its session description, and how the body is written with another one: most are nothing else, some
/// have it among other parts (RFC 5621), as a call for help that says where it is (RFC 6442 §5.1) or one with ISUP
/// (RFC 3204). All other parts stay as they came.
public struct SessionBody: Sendable {
    /// The description of the session; nil where only others are there, which may all be left out.
    public let description: Range<Int>?
    private let body: Range<Int>
    /// Empty where the description is the body.
    private let parts: [BodyPart]
    private let session: Int?
    /// Descriptions of something else: they can't be anchored, so they never cross.
    private let others: [Int]

    init(wholeOf body: Range<Int>) {
        description = body
        self.body = body
        parts = []
        session = nil
        others = []
    }

    /// nil where no part is a session description.
    ///
    /// One is the session's. Two are refused, in multipart/alternative as well: there the last one counts (RFC 2046
    /// §5.1.4), but who takes the first one would see addresses that aren't ours. One with another disposition (RFC 3959) is
    /// left out if its handling is optional, and refused otherwise.
    init?(_ parts: [BodyPart], of body: Range<Int>, in bytes: [UInt8]) throws(Message.Defect) {
        var session: Int?
        var others: [Int] = []
        for (index, part) in parts.enumerated() where part.isSDP(in: bytes) {
            guard part.isPlain(in: bytes) else { throw Message.Defect(415, "Encoded Session Description") }
            guard !Self.isSigned(part, among: parts, bytes) else {
                throw Message.Defect(415, "Signed Session Description")
            }
            if part.isOfSession(in: bytes) {
                guard session == nil else { throw Message.Defect(415, "Two Session Descriptions") }
                session = index
            } else {
                guard part.isOptional(in: bytes) else { throw Message.Defect(415, "Unknown Session Description") }
                others.append(index)
            }
        }
        let found = (others + (session.map { [$0] } ?? [])).map { parts[$0].whole }
        guard !Self.namesAnother(than: found, in: body, bytes) else {
            throw Message.Defect(415, "Hidden Session Description")
        }
        guard !found.isEmpty else { return nil }
        description = session.map { parts[$0].content }
        self.body = body
        self.parts = parts
        self.session = session
        self.others = others
    }

    /// Another description would not be what was signed (RFC 1847 §2.1).
    private static func isSigned(_ part: BodyPart, among parts: [BodyPart], _ bytes: [UInt8]) -> Bool {
        var parent = part.parent
        while let index = parent {
            if parts[index].isSigned(in: bytes) { return true }
            parent = parts[index].parent
        }
        return false
    }

    /// Whether a session description is named outside of those that were found: within another part or around them, where
    /// somebody else may find it and take it for one.
    private static func namesAnother(than found: [Range<Int>], in body: Range<Int>, _ bytes: [UInt8]) -> Bool {
        var index = body.lowerBound
        while let slash = bytes.first(UInt8(ascii: "/"), in: index..<body.upperBound) {
            index = slash + 1
            guard isTypeOfSDP(at: slash, in: body, bytes) else { continue }
            guard let part = found.first(where: { $0.contains(slash) }) else { return true }
            index = part.upperBound
        }
        return false
    }

    /// Whether the type and subtype around a slash are those of a session description; there may be white space between
    /// (RFC 3261 §25.1, SLASH).
    private static func isTypeOfSDP(at slash: Int, in body: Range<Int>, _ bytes: [UInt8]) -> Bool {
        let (type, subtype): (StaticString, StaticString) = ("application", "sdp")
        var (end, start) = (slash, slash + 1)
        while end > body.lowerBound, bytes[end - 1].isLinearWhiteSpace { end -= 1 }
        while start < body.upperBound, bytes[start].isLinearWhiteSpace { start += 1 }
        let before = (end - type.utf8CodeUnitCount)..<end
        let after = start..<(start + subtype.utf8CodeUnitCount)
        return before.lowerBound >= body.lowerBound && after.upperBound <= body.upperBound
            && bytes.equals(before, ignoringCase: type) && bytes.equals(after, ignoringCase: subtype)
    }

    // MARK: Writing it anew

    /// The body with `description` in place of the one that it came with.
    public func replacing(with description: [UInt8], in bytes: [UInt8]) -> [UInt8] {
        parts.isEmpty ? description : rewritten(with: description, bytes)
    }

    /// The body without a session description; empty where it has nothing else.
    public func withoutDescription(in bytes: [UInt8]) -> [UInt8] { parts.isEmpty ? [] : rewritten(with: nil, bytes) }

    private func rewritten(with description: [UInt8]?, _ bytes: [UInt8]) -> [UInt8] {
        var isLeft = Array(repeating: true, count: parts.count)
        var growths = Array(repeating: 0, count: parts.count)
        if let session, let description { growths[session] = description.count - parts[session].content.count }
        for index in others { isLeft[index] = false }
        if let session, description == nil { isLeft[session] = false }
        leaveOutEmpty(&isLeft, bytes)
        // Those within others come behind them, so each is complete when its turn comes.
        for (index, part) in parts.enumerated().reversed() {
            guard let parent = part.parent else { continue }
            growths[parent] += isLeft[index] ? growths[index] : -part.whole.count
        }
        return write(description, isLeft, growths, bytes)
    }

    /// A multipart part of which no part is left goes as well (RFC 2046 §5.1.1).
    private func leaveOutEmpty(_ isLeft: inout [Bool], _ bytes: [UInt8]) {
        var isNeeded = Array(repeating: false, count: parts.count)
        for (index, part) in parts.enumerated().reversed() {
            if part.isMultipart(in: bytes) { isLeft[index] = isNeeded[index] }
            if isLeft[index], let parent = part.parent { isNeeded[parent] = true }
        }
    }

    private func write(_ description: [UInt8]?, _ isLeft: [Bool], _ growths: [Int], _ bytes: [UInt8]) -> [UInt8] {
        var edits = MessageEdits(octets: (description?.count ?? 0) + 32)
        var isAnyLeft = false
        for (index, part) in parts.enumerated() {
            guard part.parent.map({ isLeft[$0] }) ?? true else { continue }
            guard isLeft[index] else {
                edits.remove(part.whole)
                continue
            }
            isAnyLeft = true
            if let length = part.length, growths[index] != 0 || index == session {
                edits.replace(length) { $0.appendDecimal(part.content.count + growths[index]) }
            }
            if index == session, let description { edits.replace(part.content, with: description) }
        }
        return isAnyLeft ? edits.applied(to: bytes, in: body) : []
    }
}
