import SIP

/// Which line of a message its defect is in: the one without which the message would not have it.
struct DefectLine {
    let number: Int
    let text: String

    /// nil where no single line is to blame, as for a field that is missing.
    static func find(_ defect: Message.Defect, in bytes: [UInt8]) -> DefectLine? {
        var starts = [0]
        for index in bytes.indices where bytes[index] == 10 && index + 1 < bytes.count { starts.append(index + 1) }
        let end = endOfHead(bytes)
        for (place, start) in starts.enumerated() where start < end && place <= MessageParser.maximumHeaders {
            let next = place + 1 < starts.count ? starts[place + 1] : bytes.count
            let rest = Array(bytes[..<start] + bytes[next...])
            guard place > 0, let message = try? MessageParser.parse(datagram: rest) else { continue }
            // What takes its place must be another defect, or none; a field that is now missing is no proof.
            guard message.defect?.reason != defect.reason else { continue }
            let line = bytes[start..<next].prefix { $0 != 13 && $0 != 10 }
            return DefectLine(number: place + 1, text: String(decoding: line, as: UTF8.self))
        }
        return nil
    }

    private static func endOfHead(_ bytes: [UInt8]) -> Int {
        for index in bytes.indices where bytes[index] == 10 {
            let rest = bytes[(index + 1)...].prefix(2)
            if rest.first == 10 || Array(rest) == [13, 10] { return index + 1 }
        }
        return bytes.count
    }
}
