public import NetworkTypes

/// What a ``Response`` says about one question, and for how long.
public struct Answer: Hashable, Sendable {
    public var records: Records
    /// Seconds: the least of all records that led here. For an absence what the zone's SOA says (RFC 2308 §5), 0
    /// where there is none.
    public var timeToLive: UInt32
    /// Addresses of SRV targets, which came along (RFC 2782).
    public var additional: [Question: Addresses] = [:]

    public struct Addresses: Hashable, Sendable {
        public var addresses: [IPAddress]
        public var timeToLive: UInt32
    }

    public init(_ records: Records, timeToLive: UInt32) {
        self.records = records
        self.timeToLive = timeToLive
    }

    /// Records of one name that are kept. The first ones: a server that has more of them shuffles them.
    static let mostRecords = 32
    /// Aliases that are followed from one name to the next (security 36).
    static let mostAliases = 8
}

extension Response {
    /// What the response says about `question`; nil where it says nothing: it is a failure, or answers something else.
    public func answer(to question: Question) -> Answer? {
        guard self.question == question, code == .success || code == .unknownName else { return nil }
        var name = question.name
        var timeToLive = UInt32.max
        for _ in 0...Answer.mostAliases {
            if var answer = records(of: Question(name, question.type)) {
                answer.timeToLive = min(answer.timeToLive, timeToLive)
                return answer
            }
            guard let (next, seconds) = alias(of: name) else { break }
            timeToLive = min(timeToLive, seconds)
            name = next
        }
        if let seconds = negativeTimeToLive { return Answer(.absent, timeToLive: min(seconds, timeToLive)) }
        guard code == .success, name != question.name, alias(of: name) == nil else {
            return Answer(.absent, timeToLive: 0)
        }
        return Answer(.alias(name), timeToLive: timeToLive)
    }

    private func alias(of name: DomainName) -> (DomainName, UInt32)? {
        for record in answers where record.name == name {
            if case .alias(let target) = record.content { return (target, record.timeToLive) }
        }
        return nil
    }

    /// RFC 2308 §5: the lesser of the SOA's own time to live and its minimum.
    private var negativeTimeToLive: UInt32? {
        for record in authorities {
            if case .startOfAuthority(let minimum) = record.content { return min(minimum, record.timeToLive) }
        }
        return nil
    }

    /// The records of exactly this name and type.
    private func records(of question: Question) -> Answer? {
        switch question.type {
        case .a, .aaaa:
            return addresses(of: question, among: answers).map {
                Answer(.addresses($0.addresses), timeToLive: $0.timeToLive)
            }
        case .srv:
            let (found, timeToLive) = contents(of: question.name) { content in
                if case .service(let service) = content { service } else { nil }
            }
            guard !found.isEmpty else { return nil }
            var answer = Answer(.services(found), timeToLive: timeToLive)
            answer.additional = addresses(of: found.map(\.target))
            return answer
        case .naptr:
            let (found, timeToLive) = contents(of: question.name) { content in
                if case .authority(let authority) = content { authority } else { nil }
            }
            return found.isEmpty ? nil : Answer(.authorities(found), timeToLive: timeToLive)
        }
    }

    private func contents<Content: Hashable>(
        of name: DomainName, _ read: (Record.Content) -> Content?
    ) -> ([Content], UInt32) {
        var (found, timeToLive): ([Content], UInt32) = ([], .max)
        for record in answers where record.name == name {
            guard found.count < Answer.mostRecords, let content = read(record.content) else { continue }
            timeToLive = min(timeToLive, record.timeToLive)
            if !found.contains(content) { found.append(content) }
        }
        return (found, timeToLive)
    }

    private func addresses(of question: Question, among records: [Record]) -> Answer.Addresses? {
        let family: IPAddress.Family = question.type == .a ? .v4 : .v6
        var found = Answer.Addresses(addresses: [], timeToLive: .max)
        for record in records where record.name == question.name {
            guard found.addresses.count < Answer.mostRecords, case .address(let address) = record.content,
                address.family == family
            else { continue }
            found.timeToLive = min(found.timeToLive, record.timeToLive)
            if !found.addresses.contains(address) { found.addresses.append(address) }
        }
        return found.addresses.isEmpty ? nil : found
    }

    /// Only what was asked for is believed: addresses of the targets that the answer names.
    private func addresses(of targets: [DomainName]) -> [Question: Answer.Addresses] {
        var found: [Question: Answer.Addresses] = [:]
        for target in targets where !additional.isEmpty {
            for type in [RecordType.aaaa, .a] {
                let question = Question(target, type)
                if found[question] == nil { found[question] = addresses(of: question, among: additional) }
            }
        }
        return found
    }
}
